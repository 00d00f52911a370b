import { hideLiterals, HoldfastError, inOneLine, messageOf } from '../core/index.ts'

/** Who holds a connection, as far as is known. Never values. */
export interface HolderPicture {
  readonly heldMs: number
  /** What the caller named its work. */
  readonly label: string | undefined
  /** Where the application asked for the connection. */
  readonly callSite: string | undefined
  /** The text of the last statement it sent. */
  readonly lastText: string | undefined
  /** It was reported as held for too long. */
  readonly isLeak: boolean
  /** Of the server's process behind it; behind a pooler it means nothing. */
  readonly pid: number | undefined
}

/** What the pool looked like at a moment, for messages. */
export interface PoolPicture {
  readonly size: number
  readonly overflow: number
  readonly busy: number
  readonly idle: number
  readonly connecting: number
  readonly waiting: number
  /** Who holds connections for longest, longest first. */
  readonly holders: readonly HolderPicture[]
}

/** Of a statement's text, in messages. */
const LONGEST_TEXT = 80

/** A pool for people, with who holds its connections. */
export const poolInWords = ({ busy, size, overflow, connecting, waiting, holders }: PoolPicture): string => {
  const longest = holders.map(holderInWords).join('; ')
  return (
    `${busy} of ${size}+${overflow} connections are busy, ${connecting} connecting, ${waiting} waiting` +
    (longest === '' ? '' : `. Held for longest: ${longest}`)
  )
}

/** One who holds a connection, for people. */
export function holderInWords({ heldMs, label, callSite, lastText }: HolderPicture): string {
  const who = [label && `by "${label}"`, callSite && `from ${callSite}`].filter(Boolean).join(' ')
  const what = lastText ? `, last statement: ${inOneLine(hideLiterals(lastText), LONGEST_TEXT)}` : ''
  return `${Math.round(heldMs)} ms${who && ` ${who}`}${what}`
}

export function transactionPooler(): HoldfastError {
  return new HoldfastError({
    code: 'HF_CONNECT_POOLER',
    message:
      'DATABASE_URL leads to a connection pooler in transaction mode: locks and settings of a session would be ' +
      "lost, or another service's, between two statements. Set DATABASE_DIRECT_URL to the server itself; nothing was run.",
  })
}

export function acquireTimeout(waitedMs: number, picture: PoolPicture): HoldfastError {
  return new HoldfastError({
    code: 'HF_POOL_ACQUIRE_TIMEOUT',
    message:
      `timeout exceeded when trying to connect: no connection became free within ${Math.round(waitedMs)} ms: ${poolInWords(picture)}. ` +
      whatToDo(picture),
    retryable: true,
    details: { waitedMs, ...picture },
  })
}

/** Checkouts are to blame only where there are some. */
function whatToDo({ busy, connecting }: PoolPicture): string {
  if (busy === 0 && connecting > 0)
    return 'Nobody holds one: opening one takes too long. Look at the server and the way to it; connectTimeoutMs is what one attempt may take.'
  return 'Look for checkouts that are not released or transactions that take long; raise DB_POOL_SIZE only when the server has room.'
}

export function optionFixed(name: string, why: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_POOL_OPTION_FIXED',
    message: `pool.options.${name} ${why}. password, user and max can be; for anything else make another pool.`,
    details: { option: name },
  })
}

export function queueFull(maxWaiting: number, picture: PoolPicture): HoldfastError {
  return new HoldfastError({
    code: 'HF_POOL_QUEUE_FULL',
    message: `${maxWaiting} callers already wait for a connection: ${poolInWords(picture)}. Shed load, or raise maxWaiting.`,
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

/** @param servers with what stands against each. */
export function noServerFits(
  target: string,
  servers: readonly { readonly name: string; readonly problem: string | undefined }[],
  cause: unknown,
): HoldfastError {
  const found = servers.map(({ name, problem = 'was not tried' }) => `${name}: ${problem}`)
  const wanted = target === 'any' ? 'answers' : `is what target_session_attrs=${target} asks for`
  return new HoldfastError({
    code: 'HF_CONNECT_NO_SERVER',
    message: `No server ${wanted}. ${found.join('; ')}. During a failover this passes; otherwise check the hosts.`,
    retryable: true,
    cause,
    details: { target, servers: servers.map(({ name, problem }) => ({ name, problem })) },
  })
}

export function sslOptionsClash(mode: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `sslRootCert=system means any public authority, and sslMode=${mode} does not check for which host it signed: use verify-full.`,
  })
}

export function targetUnknown(named: string, known: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `target_session_attrs (in the URL, or PGTARGETSESSIONATTRS) is "${named}"; it must be one of ${known.join(', ')}.`,
  })
}

export function sslModeUnknown(named: string, known: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `sslmode is "${named}"; it must be one of ${known.join(', ')}.`,
  })
}

export function positionInvalid(position: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `after is ${JSON.stringify(position)}; it must be a position as pool.position() gives it, like 16/B374D848.`,
  })
}

export function budgetInvalid(connections: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `A connection budget is ${String(connections)}; it must be a whole number from 1 on.`,
  })
}

export function certificateUnreadable(option: string, file: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `${option}: the file ${file} cannot be read (${messageOf(cause)}). Give the path of a PEM file.`,
    cause,
  })
}

export function budgetTooSmall(connections: number, claimed: number, pools: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `A budget of ${connections} connections cannot hold ${pools === 1 ? 'this pool: its size is' : `${pools} pools: their sizes alone, with what is open above them, are`} ${claimed}. Raise the budget or lower the sizes.`,
    details: { connections, claimed, pools },
  })
}

export function releasedTwice(): HoldfastError {
  return new HoldfastError({
    code: 'HF_POOL_RELEASED_TWICE',
    message: 'This checkout was released before. Release each checkout once; a finally block is the place.',
  })
}

export function usedAfterRelease(): HoldfastError {
  return new HoldfastError({
    code: 'HF_POOL_USED_AFTER_RELEASE',
    message:
      'This client was used after its release, and belongs to nobody now. Await every query before the release.',
  })
}

export function isolationInvalid(isolation: unknown, known: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `isolation is ${JSON.stringify(isolation)}; it must be one of ${known.join(', ')}.`,
  })
}

export function transactionOver(): HoldfastError {
  return new HoldfastError({
    code: 'HF_TRANSACTION_OVER',
    message:
      'This transaction has ended: its function returned, threw, or ended it with SQL. Await every query inside the function.',
  })
}

export function transactionAborted(cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_TRANSACTION_ABORTED',
    message:
      `Nothing was committed: a statement of the transaction had failed${cause === undefined ? '' : ` (${messageOf(cause)})`}, and the function went on. ` +
      'Let the error through, or put what may fail into a savepoint.',
    cause,
  })
}

export function commitUnknown(cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_COMMIT_UNKNOWN',
    message:
      `COMMIT was sent and the connection was lost before the answer (${messageOf(cause)}): the transaction may have been ` +
      'committed or not. It is not tried again. Read what it would have written before you decide.',
    cause,
  })
}

export function invariantBroken(what: string, picture: PoolPicture): HoldfastError {
  return new HoldfastError({
    code: 'HF_POOL_INVARIANT',
    message: `The pool's books do not add up (${what}; ${poolInWords(picture)}). This is a fault in Holdfast: please report it.`,
    details: { what, ...picture },
  })
}
