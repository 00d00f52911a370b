import { AsyncLocalStorage } from 'node:async_hooks'
import { later, type WalPosition } from './wal-position.ts'

/** What was written through one pool inside a scope. */
class Writes {
  #position: WalPosition | undefined
  #isUnknown = false
  #isHeld = false

  /** Something may have been committed just now. */
  note(): void {
    this.#isUnknown = true
  }

  /** A connection is in the caller's own hands: it may write at any time. */
  noteHolder(): void {
    this.#isHeld = true
  }

  /** A position that lies behind all of it. @param ask takes the server's position now. */
  async position(ask: () => Promise<WalPosition>): Promise<WalPosition | undefined> {
    if (!this.#isUnknown && !this.#isHeld) return this.#position
    this.#isUnknown = false
    try {
      this.#position = later(this.#position, await ask())
    } catch (error) {
      this.#isUnknown = true
      throw error
    }
    return this.#position
  }
}

let storage: AsyncLocalStorage<Map<object, Writes>> | undefined

/**
 * Inside, and in everything it awaits, a read that a pool sends to a replica sees what was written through the same
 * pool before. The position is taken when a read follows a write, and not for every write.
 *
 * @example
 * await readYourWrites(async () => {
 *   await pool.query('UPDATE users SET name = $1 WHERE id = $2', [name, id])
 *   return pool.read('SELECT name FROM users WHERE id = $1', [id])
 * })
 */
export function readYourWrites<T>(work: () => T): T {
  storage ??= new AsyncLocalStorage<Map<object, Writes>>()
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
