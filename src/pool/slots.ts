import type { Connection, ConnectionState } from './connection.ts'

/**
 * The pool's books: which connections there are, and how many stand where. Idle ones are a stack, so that the same
 * few serve a light load and the rest grow old and close.
 */
export class Slots {
  readonly #all = new Set<Connection>()
  readonly #idleStack: Connection[] = []
  readonly #counts: Record<ConnectionState, number> = {
    connecting: 0,
    idle: 0,
    checking: 0,
    busy: 0,
    lane: 0,
    cleaning: 0,
    closing: 0,
  }

  /** Everything that holds a server connection, or may: what the limit counts. */
  get total(): number {
    return this.#all.size
  }

  count(state: ConnectionState): number {
    return this.#counts[state]
  }

  /** Those in one state, in the order in which they were opened; idle ones the longest idle first. */
  in(state: ConnectionState): Connection[] {
    return state === 'idle' ? [...this.#idleStack] : this.all().filter((one) => one.state === state)
  }

  /** One of those that are checked out was taken after this moment (monotonic ms). */
  someBusySince(moment: number): boolean {
    for (const { state, busySince } of this.#all) if (state === 'busy' && busySince > moment) return true
    return false
  }

  all(): Connection[] {
    return [...this.#all]
  }

  add(connection: Connection): void {
    this.#all.add(connection)
    this.#counts[connection.state] += 1
  }

  /** The one transition function. */
  move(connection: Connection, to: ConnectionState): void {
    this.#leave(connection)
    connection.state = to
    this.#counts[to] += 1
    if (to === 'idle') this.#idleStack.push(connection)
  }

  remove(connection: Connection): void {
    this.#leave(connection)
    this.#all.delete(connection)
  }

  /** The idle connection that was used last; it stays idle until it is moved. */
  mostRecentIdle(): Connection | undefined {
    return this.#idleStack.at(-1)
  }

  #leave(connection: Connection): void {
    this.#counts[connection.state] -= 1
    if (connection.state !== 'idle') return
    if (this.#idleStack.at(-1) === connection) this.#idleStack.pop()
    else this.#idleStack.splice(this.#idleStack.lastIndexOf(connection), 1)
  }
}
