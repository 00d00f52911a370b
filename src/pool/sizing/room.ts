import { invariantBroken, type PoolPicture } from '../errors.ts'
import type { BudgetMember, ConnectionBudget } from './budget.ts'

/** What {@link Room} asks of the pool. */
export interface RoomPort {
  /** Connections that there are, those connecting and closing included. */
  total(): number
  /** Callers that wait and have no connection on its way to them. */
  unserved(): number
  /** Closes an idle connection above the size; false when there is none. */
  spareOne(): boolean
  /** There may be room now. */
  wake(): void
}

/** How many connections one pool may have: its own limit, and what a shared budget leaves. */
export class Room implements BudgetMember {
  readonly #options: { readonly size: number; readonly overflow: number }
  readonly #budget: ConnectionBudget | undefined
  readonly #port: RoomPort

  /** @throws HF_OPTION_INVALID when the budget is smaller than the sizes of its pools */
  constructor(
    options: { readonly size: number; readonly overflow: number },
    budget: ConnectionBudget | undefined,
    port: RoomPort,
  ) {
    this.#options = options
    this.#budget = budget
    this.#port = port
    budget?.join(this)
  }

  get size(): number {
    return this.#options.size
  }

  /** The most connections, whatever others do. */
  get limit(): number {
    return this.#options.size + this.#options.overflow
  }

  get total(): number {
    return this.#port.total()
  }

  /** Another connection may be opened. */
  get isFree(): boolean {
    return this.total < this.limit && (this.#budget?.hasRoomFor(this) ?? true)
  }

  /** @throws HF_POOL_INVARIANT when there are more than there may be */
  assertKept(picture: () => PoolPicture): void {
    if (this.total > this.limit)
      throw invariantBroken(`${this.total} connections where ${this.limit} are allowed`, picture())
  }

  /** Somebody waits and there is no room: pools with something to spare may make some. */
  ask(): void {
    if (this.total < this.limit) this.#budget?.ask(this)
  }

  /** Callers wait, and only the budget stands in the way of another connection. */
  get isShort(): boolean {
    return this.#port.unserved() > 0 && this.total < this.limit && !this.isFree
  }

  /** Another pool of the budget is short of connections. */
  get isWantedElsewhere(): boolean {
    return this.#budget?.isShortBeside(this) ?? false
  }

  /** A connection is gone. */
  released(): void {
    this.#budget?.released(this)
  }

  /** The pool has ended. */
  leave(): void {
    this.#budget?.leave(this)
  }

  spareOne(): boolean {
    return this.#port.spareOne()
  }

  wake(): void {
    this.#port.wake()
  }
}
