import { AsyncLocalStorage } from 'node:async_hooks'
import type { Checkout } from './checkout.ts'

/** A checkout of the code that runs, and what it held already when it asked for it. */
interface Held {
  /** Undefined while it is still waited for. */
  checkout: Checkout | undefined
  readonly owner: object
  readonly outer: Held | undefined
}

let storage: AsyncLocalStorage<Held> | undefined

/**
 * Notes that whoever calls is about to hold a connection of `owner`: everything it awaits from here on counts as
 * done by a holder, until the release.
 *
 * @returns what to tell when the connection is there.
 */
export function beginHolding(owner: object): (checkout: Checkout) => void {
  storage ??= new AsyncLocalStorage<Held>()
  const held: Held = { checkout: undefined, owner, outer: liveHeld(storage.getStore()) }
  storage.enterWith(held)
  return (checkout) => {
    held.checkout = checkout
  }
}

/** The innermost checkout of `owner` that the running code holds. */
export function heldBy(owner: object): Checkout | undefined {
  for (let held = liveHeld(storage?.getStore()); held; held = liveHeld(held.outer))
    if (held.owner === owner) return held.checkout
  return undefined
}

/** Skips what was given back: a loop of checkouts must not grow a chain. */
function liveHeld(from: Held | undefined): Held | undefined {
  let held = from
  while (held && (held.checkout === undefined || held.checkout.isReleased)) held = held.outer
  return held
}
