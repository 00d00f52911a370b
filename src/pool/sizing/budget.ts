import { budgetInvalid, budgetTooSmall } from '../errors.ts'

/** A pool as the budget sees it. */
export interface BudgetMember {
  /** Connections that are its own, whatever the others do. */
  readonly size: number
  /** Connections that it has, those connecting and closing included. */
  readonly total: number
  /** Callers wait, and it may not open a connection for them. */
  readonly isShort: boolean
  /** Closes an idle connection above its size; false when it has none to spare. */
  spareOne(): boolean
  /** Another has closed one: there may be room now. */
  wake(): void
}

/**
 * The most connections that several pools of a process may have together. Each keeps its `size`; what is left is for
 * whoever needs overflow first. A pool that wants more than is left gets what others have idle above their size.
 *
 * @example
 * const budget = new ConnectionBudget(40)
 * const web = new Pool({ connectionString, budget, size: 20, overflow: 20 })
 * const jobs = new Pool({ connectionString, budget, size: 5, overflow: 10 })
 */
export class ConnectionBudget {
  /** Connections altogether. */
  readonly connections: number
  readonly #members = new Set<BudgetMember>()

  /** @throws HF_OPTION_INVALID for what is no whole number from 1 on */
  constructor(connections: number) {
    if (!Number.isInteger(connections) || connections < 1) throw budgetInvalid(connections)
    this.connections = connections
  }

  /** Connections that are in use or promised. */
  get claimed(): number {
    let claimed = 0
    for (const { size, total } of this.#members) claimed += Math.max(size, total)
    return claimed
  }

  /** @throws HF_OPTION_INVALID when the sizes alone are more than there is */
  join(member: BudgetMember): void {
    const claimed = this.claimed + member.size
    if (claimed > this.connections) throw budgetTooSmall(this.connections, claimed, this.#members.size + 1)
    this.#members.add(member)
  }

  leave(member: BudgetMember): void {
    this.#members.delete(member)
    this.released(member)
  }

  /** Whether `member` may open another connection. */
  hasRoomFor(member: BudgetMember): boolean {
    return member.total < member.size || this.claimed < this.connections
  }

  /** `member` needs more than there is: somebody else may have it to spare. */
  ask(member: BudgetMember): void {
    for (const other of this.#members) if (other !== member && other.spareOne()) return
  }

  /** Another than `member` is short of connections: what is idle above the size should go. */
  isShortBeside(member: BudgetMember): boolean {
    for (const other of this.#members) if (other !== member && other.isShort) return true
    return false
  }

  /** `member` has closed a connection. */
  released(member: BudgetMember): void {
    for (const other of this.#members) if (other !== member) other.wake()
  }
}
