import { AsyncLocalStorage } from 'node:async_hooks'

/** A transaction, or a savepoint in it: of the savepoints right inside, one runs at a time. */
interface Scope {
  readonly open: object
  last: Promise<unknown>
}

const scopes = new AsyncLocalStorage<Scope>()
const outermost = new WeakMap<object, Scope>()

/**
 * Savepoints are a stack. Two at once would be taken for one inside the other, and the failure of one would undo what
 * the other did; so the second waits for the first, unless it is inside.
 */
export function oneByOne<T>(open: object, run: () => Promise<T>): Promise<T> {
  const around = scopes.getStore()
  let scope = around?.open === open ? around : outermost.get(open)
  if (!scope) outermost.set(open, (scope = { open, last: Promise.resolve() }))
  const inside: Scope = { open, last: Promise.resolve() }
  const result = scope.last.then(() => scopes.run(inside, run))
  scope.last = result.catch(() => {}) // told by the one that asked
  return result
}
