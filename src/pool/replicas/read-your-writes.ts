import { AsyncLocalStorage } from 'node:async_hooks'
import { later, type WalPosition } from './wal-position.ts'

/** What was written through one pool inside a scope. */
class Writes {
  #position: WalPosition | undefined
  /** Counts what may have been committed; a position that was asked for later lies behind it. */
  #written = 0
  #known = 0
  #isHeld = false
  #asking: { readonly since: number; readonly answer: Promise<WalPosition> } | undefined

  /** Something may have been committed just now. */
  note(): void {
    this.#written += 1
  }

  /** A connection is in the caller's own hands: it may write at any time. */
  noteHolder(): void {
    this.#isHeld = true
  }

  /**
   * A position that lies behind all of it. Those who ask at the same time share one question to the server.
   * @param ask takes the server's position now.
   */
  async position(ask: () => Promise<WalPosition>): Promise<WalPosition | undefined> {
    if (this.#isHeld) this.#written += 1
    if (this.#known === this.#written) return this.#position
    if (this.#asking?.since !== this.#written) this.#asking = { since: this.#written, answer: ask() }
    const { since, answer } = this.#asking
    try {
      this.#position = later(this.#position, await answer)
      this.#known = Math.max(this.#known, since)
      return this.#position
    } finally {
      if (this.#asking?.since === since) this.#asking = undefined
    }
  }
}

let storage: AsyncLocalStorage<Map<object, Writes>> | undefined

/**
 * Inside, and in everything it awaits, a read that a pool sends to a replica sees what was written through the same
 * pool before. The position is taken when a read follows a write, and not for every write. A scope within another is
 * a part of it.
 *
 * @example
 * await readYourWrites(async () => {
 *   await pool.query('UPDATE users SET name = $1 WHERE id = $2', [name, id])
 *   return pool.read('SELECT name FROM users WHERE id = $1', [id])
 * })
 */
export function readYourWrites<T>(work: () => T): T {
  storage ??= new AsyncLocalStorage<Map<object, Writes>>()
  if (storage.getStore()) return work()
  return storage.run(new Map<object, Writes>(), work)
}

/** What the running code wrote through `pool`; undefined outside any scope. */
export function writesThrough(pool: object): Writes | undefined {
  const scope = storage?.getStore()
  if (!scope) return undefined
  const known = scope.get(pool)
  if (known) return known
  const writes = new Writes()
  scope.set(pool, writes)
  return writes
}
