/** One thing to do on the way from one structure to another. */
export interface Action {
  readonly id: string
  readonly sql: readonly string[]
  /** `alone`: outside of a transaction, for what builds or checks beside the traffic. */
  readonly stage: 'together' | 'alone'
  /** Among what could be done now, the lowest goes first. */
  readonly rank: number
}

/** Actions with what must come before what. */
export class ActionGraph {
  readonly #actions = new Map<string, Action>()
  readonly #after = new Map<string, Set<string>>()

  add(action: Action): void {
    this.#actions.set(action.id, action)
  }

  has(id: string): boolean {
    return this.#actions.has(id)
  }

  /** `first` has to be done before `then`; where either is nothing to do, nothing is said. */
  order(first: string | undefined, then: string | undefined): void {
    if (first === undefined || then === undefined || first === then) return
    if (!this.#actions.has(first) || !this.#actions.has(then)) return
    const others = this.#after.get(then) ?? new Set()
    others.add(first)
    this.#after.set(then, others)
  }

  /**
   * The actions in an order that respects them all, in runs that can share a transaction. What waits in a circle goes
   * by rank: whoever uses the plan proves it anyway.
   */
  batches(): Action[][] {
    const waiting = new Map(
      [...this.#actions].toSorted(([, a], [, b]) => a.rank - b.rank || (a.id < b.id ? -1 : 1)),
    )
    const batches: Action[][] = []
    let stage: Action['stage'] = 'together'
    while (waiting.size > 0) {
      const batch = this.#take(waiting, stage)
      if (batch.length > 0) batches.push(batch)
      else if (!this.#anyReady(waiting)) {
        const [id, action] = [...waiting][0] as [string, Action]
        waiting.delete(id)
        batches.push([action])
      }
      stage = stage === 'together' ? 'alone' : 'together'
    }
    return joined(batches)
  }

  #take(waiting: Map<string, Action>, stage: Action['stage']): Action[] {
    const batch: Action[] = []
    for (;;) {
      const next = [...waiting.values()].find((one) => one.stage === stage && this.#isReady(one.id, waiting))
      if (!next) return batch
      waiting.delete(next.id)
      batch.push(next)
    }
  }

  #isReady(id: string, waiting: ReadonlyMap<string, Action>): boolean {
    return [...(this.#after.get(id) ?? [])].every((other) => !waiting.has(other))
  }

  #anyReady(waiting: ReadonlyMap<string, Action>): boolean {
    return [...waiting.keys()].some((id) => this.#isReady(id, waiting))
  }
}

/** Neighbours of one stage become one batch. */
function joined(batches: readonly Action[][]): Action[][] {
  const result: Action[][] = []
  for (const batch of batches) {
    const last = result.at(-1)
    if (last && last[0]?.stage === batch[0]?.stage) last.push(...batch)
    else result.push([...batch])
  }
  return result
}
