import { HoldfastError } from '../core/index.ts'

/** What the pool looked like at a moment, for messages. */
export interface PoolPicture {
  readonly size: number
  readonly overflow: number
  readonly busy: number
  readonly idle: number
  readonly connecting: number
  readonly waiting: number
  readonly longestHoldMs: number
}

const inWords = (picture: PoolPicture): string =>
  `${picture.busy} of ${picture.size}+${picture.overflow} connections are checked out (the longest for ` +
  `${Math.round(picture.longestHoldMs)} ms), ${picture.connecting} connecting, ${picture.waiting} waiting`

export function acquireTimeout(waitedMs: number, picture: PoolPicture): HoldfastError {
  return new HoldfastError({
    code: 'HF_POOL_ACQUIRE_TIMEOUT',
    message:
      `No connection became free within ${Math.round(waitedMs)} ms: ${inWords(picture)}. Look for checkouts that ` +
      'are not released or transactions that take long; raise DB_POOL_SIZE only when the server has room.',
    retryable: true,
    details: { waitedMs, ...picture },
  })
}

export function queueFull(maxWaiting: number, picture: PoolPicture): HoldfastError {
  return new HoldfastError({
    code: 'HF_POOL_QUEUE_FULL',
    message: `${maxWaiting} callers already wait for a connection: ${inWords(picture)}. Shed load, or raise maxWaiting.`,
    retryable: true,
    details: { maxWaiting, ...picture },
  })
}

export function poolEnded(): HoldfastError {
  return new HoldfastError({
    code: 'HF_POOL_ENDED',
    message: 'The pool has been ended and gives out no connections. Make a new one, or end it later.',
  })
}

export function releasedTwice(): HoldfastError {
  return new HoldfastError({
    code: 'HF_POOL_RELEASED_TWICE',
    message: 'This checkout was released before. Release each checkout once; a finally block is the place.',
  })
}

export function invariantBroken(what: string, picture: PoolPicture): HoldfastError {
  return new HoldfastError({
    code: 'HF_POOL_INVARIANT',
    message: `The pool's books do not add up (${what}; ${inWords(picture)}). This is a fault in Holdfast: please report it.`,
    details: { what, ...picture },
  })
}
