import type { Connection, ConnectionState } from './connection.ts'

/**
 * The pool's books: each connection stands in exactly one list, the list is its state. Idle connections are a
 * stack, so that the same few serve a light load and the rest grow old and close.
 */
export class Slots {
  readonly #lists: Readonly<Record<ConnectionState, Set<Connection>>> = {
    connecting: new Set(),
    idle: new Set(),
    checking: new Set(),
    busy: new Set(),
    lane: new Set(),
    cleaning: new Set(),
    closing: new Set(),
  }
  readonly #idleStack: Connection[] = []

  /** Everything that holds a server connection, or may: what the limit counts. */
  get total(): number {
    let total = 0
    for (const list of Object.values(this.#lists)) total += list.size
    return total
  }

  count(state: ConnectionState): number {
    return this.#lists[state].size
  }

  in(state: ConnectionState): ReadonlySet<Connection> {
    return this.#lists[state]
  }

  *all(): Generator<Connection> {
    for (const list of Object.values(this.#lists)) yield* list
  }

  has(connection: Connection): boolean {
    return this.#lists[connection.state].has(connection)
  }

  add(connection: Connection): void {
    this.#lists[connection.state].add(connection)
  }

  /** The one transition function. */
  move(connection: Connection, to: ConnectionState): void {
    this.#take(connection)
    connection.state = to
    this.#lists[to].add(connection)
    if (to === 'idle') this.#idleStack.push(connection)
  }

  remove(connection: Connection): void {
    this.#take(connection)
  }

  /** The idle connection that was used last; it stays idle until it is moved. */
  mostRecentIdle(): Connection | undefined {
    return this.#idleStack.at(-1)
  }

  #take(connection: Connection): void {
    this.#lists[connection.state].delete(connection)
    if (connection.state !== 'idle') return
    const last = this.#idleStack.lastIndexOf(connection)
    if (last >= 0) this.#idleStack.splice(last, 1)
  }
}
