import { AsyncLocalStorage } from 'node:async_hooks'

let storage: AsyncLocalStorage<string> | undefined

/**
 * Names what is done inside, for everything it awaits: statements and checkouts carry the label in statistics,
 * logs and reports. Use few different ones, such as the route.
 *
 * @example
 * await withLabel('checkout', () => placeOrder(cart))
 */
export function withLabel<T>(label: string, work: () => T): T {
  storage ??= new AsyncLocalStorage<string>()
  return storage.run(label, work)
}

/** The innermost label around the running code. */
export function currentLabel(): string | undefined {
  return storage?.getStore()
}
