import { withoutPassword, withQuery } from '../core/index.ts'
import type pg from 'pg'
import { optionFixed } from './errors.ts'
import type { PoolOptions, ResolvedPoolConfig } from './options.ts'

/** What new connections are opened with since it was changed. */
export type ChangedOptions = pg.ClientConfig

/**
 * The options of a running pool, as it shows them. A few can be changed, as with pg.Pool: what new connections sign in with (a password
 * that was rotated), and their number. Anything else is refused aloud, also in code that is not strict.
 *
 * @param resized is told that there may be room now.
 */
export function changeableOptions(resolved: ResolvedPoolConfig, resized: () => void): object {
  const { options: inForce, changed } = resolved
  const options = {
    ...resolved.client,
    ...inForce,
    // What they are called there.
    max: inForce.size + inForce.overflow,
    min: resolved.min,
    idleTimeoutMillis: inForce.idleTimeoutMs,
    maxLifetimeSeconds: inForce.recycleMs / 1_000,
    maxUses: resolved.maxUses,
    allowExitOnIdle: resolved.allowExitOnIdle,
  }
  // Printing them must not print the password.
  if ('password' in options) Object.defineProperty(options, 'password', { enumerable: false })
  const changes: Readonly<Record<string, (value: unknown) => void>> = {
    password: (value) => signInWith({ password: value }),
    user: (value) => signInWith({ user: value }),
    max: (value) => {
      if (!Number.isInteger(value) || (value as number) < 1)
        throw optionFixed('max', 'is a whole number from 1')
      Object.assign(inForce as { -readonly [Name in keyof PoolOptions]: PoolOptions[Name] }, {
        size: value,
        overflow: 0,
      })
      Object.assign(options, { size: value, overflow: 0 })
      resized()
    },
  }
  const signInWith = (what: { readonly user?: unknown; readonly password?: unknown }): void => {
    const { connectionString } = { ...options, ...changed } as { connectionString?: string }
    if (connectionString === undefined) return void Object.assign(changed, what)
    // What stands in the URL goes before what stands beside it.
    const [[name, value] = ['', '']] = Object.entries(what)
    if (typeof value !== 'string') throw optionFixed(name, 'is text where the address is a URL')
    const bare = name === 'password' ? withoutPassword(connectionString) : connectionString
    changed.connectionString = withQuery(bare, (query) => query.set(name, value))
  }
  const refuse = (name: string | symbol): never => {
    throw optionFixed(String(name), 'cannot be changed while the pool runs')
  }
  return new Proxy(options, {
    set(target, name, value) {
      const change = changes[String(name)]
      if (!change) return refuse(name)
      change(value)
      const isShown = name !== 'password'
      return Reflect.defineProperty(target, name, {
        value,
        enumerable: isShown,
        configurable: true,
        writable: true,
      })
    },
    defineProperty: (_, name) => refuse(name),
    deleteProperty: (_, name) => refuse(name),
  })
}
