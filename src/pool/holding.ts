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
 * @returns what to tell when the caller has the connection.
 */
export function beginHolding(owner: object): (checkout: Checkout) => void {
  const held = heldHere(owner)
  storage?.enterWith(held)
  return (checkout) => {
    // The caller has it when its await returns, and not before: others that it starts at the same time are its
    // siblings, and hold nothing.
    queueMicrotask(() => {
      held.checkout = checkout
    })
  }
}

/** Runs `work`, and whatever it awaits, as the holder of a checkout; nothing of it outside. */
export function whileHolding<T>(owner: object, checkout: Checkout, work: () => T): T {
  const held = heldHere(owner)
  held.checkout = checkout
  return (storage as AsyncLocalStorage<Held>).run(held, work)
}

function heldHere(owner: object): Held {
  storage ??= new AsyncLocalStorage<Held>()
  return { checkout: undefined, owner, outer: liveHeld(storage.getStore()) }
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
