import { AsyncLocalStorage } from 'node:async_hooks'

/** A transaction, or a savepoint in it: of the savepoints right inside, one runs at a time. */
interface Scope {
  readonly open: object
  readonly parent: Scope | undefined
  last: Promise<unknown>
}

/** The savepoints that the running code is inside, of whatever transactions, the outermost first. */
const around = new AsyncLocalStorage<readonly Scope[]>()
const outermost = new WeakMap<object, Scope>()
const byHandle = new WeakMap<object, Scope>()

/**
 * Savepoints are a stack. Two at once would be taken for one inside the other, and the failure of one would undo what
 * the other did; so the second waits for the first, unless it is inside: by the handle that it uses, or by where it runs.
 *
 * @param open the transaction
 * @param handle what its statements go through
 * @param inner what those of the savepoint go through
 */
export function oneByOne<T>(open: object, handle: object, inner: object, run: () => Promise<T>): Promise<T> {
  const chain = around.getStore() ?? []
  const scope = scopeOf(open, handle, chain)
  const inside: Scope = { open, parent: scope, last: Promise.resolve() }
  byHandle.set(inner, inside)
  const result = scope.last.then(() => around.run([...chain, inside], run))
  scope.last = result.catch(() => {}) // told by the one that asked
  return result
}

function scopeOf(open: object, handle: object, chain: readonly Scope[]): Scope {
  let own = byHandle.get(handle) ?? outermost.get(open)
  if (!own) outermost.set(open, (own = { open, parent: undefined, last: Promise.resolve() }))
  const here = chain.findLast((scope) => scope.open === open)
  return here && isWithin(here, own) ? here : own
}

function isWithin(scope: Scope, outer: Scope): boolean {
  for (let its: Scope | undefined = scope; its; its = its.parent) if (its === outer) return true
  return false
}
