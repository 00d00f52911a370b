import type pg from 'pg'
import {
  type Clock,
  type Hand,
  OWN_PATH,
  ownersHand,
  plainHand,
  SQLSTATE,
  sqlstateOf,
  systemClock,
  wait,
} from '../core/index.ts'
import { advisoryKey, connectDirectly, tryAdvisoryLock, withDirectClient } from '../pool/index.ts'
import { partitionDenied, partitionLocked, partitionRefused, tableMissing } from './errors.ts'
import type { Layout } from './layout.ts'

/** How long a statement of ours may stand in front of traffic. */
const LOCK_TIMEOUT_MS = 200
/** At most one attempt a second: between them whoever was held up goes on. */
const PAUSE_MS = 1_000
/** Beyond the server's deadlock_timeout, for autovacuum to end. */
const VACUUM_GRACE_MS = 1_000
const ATTEMPTS = 30
const ORPHAN_CHECK_MS = 500
/** How long the session of a process that was killed is waited for. */
const ORPHAN_WAIT_MS = 30_000
const ORPHAN_POLL_MS = 200
/** Others are in the way, and may not be the next time. */
const PASSING: ReadonlySet<string> = new Set([
  SQLSTATE.lockNotAvailable,
  SQLSTATE.deadlockDetected,
  SQLSTATE.serializationFailure,
  SQLSTATE.queryCanceled,
])

/** What works on partitions: a session of its own, and how patient it is. */
export interface Tender {
  readonly client: pg.Client
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
  /** A session that runs nobody's code, and so keeps the locks that it has: see {@link alone}. */
  readonly keeper: () => Promise<pg.Client>
  /** How often a table is asked for before giving up. Default 30: about half a minute. */
  readonly attempts?: number
  /** Between two attempts, give or take a quarter. Default a second. */
  readonly pauseMs?: number
  /** Told each time a table was not free. */
  readonly onWaiting?: (what: string, attempt: number) => void
}

/** A table that is worked on, and whose it is. */
export interface Subject extends Pick<Layout, 'sql' | 'owner' | 'schema'> {
  /** Somebody agreed to have it worked on with the session's own rights, whatever that sets off. */
  readonly asOurselves?: boolean
}

/**
 * How a session is set: names with their schemas, times in UTC, no row hidden without saying so, and no end but what we say. A killed
 * process leaves a session that may hold its lock for as long as its statement takes; not every system can look.
 */
const SETTINGS = `
  SET search_path = ${OWN_PATH}; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET row_security = off;
  SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0`
const ORPHAN_CHECK = `SET client_connection_check_interval = ${ORPHAN_CHECK_MS}`

async function settle(client: pg.Client): Promise<void> {
  await client.query(`RESET ALL; ${SETTINGS}`)
  await client.query(ORPHAN_CHECK).catch(() => {})
}

/** Behind others' code: what it set and made for the session goes. A session that does not let itself be cleared is ended. */
async function cleared(client: pg.Client): Promise<void> {
  try {
    await settle(client)
    await client.query('DISCARD TEMP')
  } catch {
    await client.end().catch(() => {}) // it is lost already
  }
}

/**
 * The hand for whatever may set off code of the table's owner: its rows and their checks, defaults, expressions, policies. To be asked
 * for outside of a transaction.
 * @throws HF_PARTITION_NOT_ALLOWED where this role may not act as the owner, HF_TABLE_OWNERS, HF_PARTITION_TABLE
 */
export async function handOf({ client }: Tender, { sql, owner, asOurselves }: Subject): Promise<Hand> {
  if (asOurselves === true) return plainHand(client)
  const hand = await ownersHand(client, [sql]).catch((error: unknown) => {
    throw sqlstateOf(error) === SQLSTATE.insufficientPrivilege ? partitionDenied(sql, owner, error) : error
  })
  if (!hand) throw tableMissing(sql)
  return hand
}

/** Runs something with the owner's hand, outside of any transaction. @throws as {@link handOf} */
export async function withHand<T>(
  tender: Tender,
  table: Subject,
  work: (hand: Hand) => Promise<T>,
): Promise<T> {
  const hand = await handOf(tender, table)
  try {
    return await work(hand)
  } finally {
    if (hand.isConfined) await cleared(tender.client)
  }
}

/** A statement for the owner's hand; or ours: one that sets off nobody's code, and that the owner may lack the right for. */
export type Statement = string | { readonly ours: string }

/** Statements one after another, each by its hand; neighbours for the same one in one message. */
export async function runAll(client: pg.Client, hand: Hand, statements: readonly Statement[]): Promise<void> {
  let joined: string[] = []
  let isOurs = true
  const send = async (): Promise<void> => {
    const text = joined.join(';\n')
    joined = []
    if (text !== '') await (isOurs ? client.query(text) : hand.run(text))
  }
  for (const statement of statements) {
    const mine = !hand.isConfined || typeof statement !== 'string'
    if (mine !== isOurs) await send()
    isOurs = mine
    joined.push(typeof statement === 'string' ? statement : statement.ours)
  }
  await send()
}

/**
 * Opens one direct connection for `work` and closes it.
 * @param keeper that is there already; default: another connection, opened when a lock is wanted
 * @throws HF_CONNECT_*
 */
export function withTender<T>(
  url: string,
  signal: AbortSignal | undefined,
  work: (tender: Tender) => Promise<T>,
  keeper?: pg.Client,
): Promise<T> {
  return withDirectClient(url, 'holdfast partition', async (client) => {
    let own: Promise<pg.Client> | undefined
    // Without its locks nothing goes on: somebody else may begin.
    const cut = (): void => void client.end().catch(() => {})
    const openKeeper = async (): Promise<pg.Client> => {
      const opened = await connectDirectly(url, 'holdfast partition: lock')
      opened.once('end', cut)
      await opened.query('SET idle_session_timeout = 0')
      return opened
    }
    try {
      await settle(client)
      return await work({
        client,
        clock: systemClock,
        signal,
        keeper: async () => keeper ?? (own ??= openKeeper()),
      })
    } finally {
      const opened = await own?.catch(() => undefined)
      opened?.off('end', cut)
      await opened?.end().catch(() => {}) // it is lost already
    }
  })
}

/** Whether this database takes writes. */
export async function isReplica({ client }: Tender): Promise<boolean> {
  const { rows } = await client.query<{ replica: boolean }>('SELECT pg_is_in_recovery() AS replica')
  return rows[0]?.replica === true
}

/**
 * Runs `work` if nobody else tends this table; undefined when somebody does. There are two locks. That of the keeper is there as long
 * as this process is, whatever the table's own code does in the session that works; that of the session which works is there as long as
 * a statement of it runs, also when this process was killed meanwhile.
 */
export async function alone<T>(
  { client, keeper }: Tender,
  table: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const kept = await keeper()
  const locks = [
    [kept, advisoryKey(`holdfast:partitions:kept:${table}`)],
    [client, advisoryKey(`holdfast:partitions:${table}`)],
  ] as const
  const held: (typeof locks)[number][] = []
  try {
    for (const lock of locks) {
      if (!(await tryAdvisoryLock(...lock))) return undefined
      held.push(lock)
    }
    return await work()
  } finally {
    for (const [session, key] of held.toReversed())
      await session.query('SELECT pg_advisory_unlock($1::bigint)', [key]).catch(() => {}) // lost: given back already
  }
}

/** The same; the session of a killed process, which holds the lock for a moment longer, is waited for. */
export async function aloneAfterOrphan<T>(
  tender: Tender,
  table: string,
  work: () => Promise<T>,
): Promise<{ value: T } | undefined> {
  const { clock, signal } = tender
  const wrapped = async (): Promise<{ value: T }> => ({ value: await work() })
  for (const deadline = clock.monotonicMs() + ORPHAN_WAIT_MS; clock.monotonicMs() < deadline;) {
    const done = await alone(tender, table, wrapped)
    if (done) return done
    await wait(clock, ORPHAN_POLL_MS, signal)
  }
  return undefined
}

/**
 * Makes autovacuum leave tables that are about to be locked, for as long as this transaction lasts. It does so for whoever has waited
 * for longer than the server's deadlock_timeout, which nobody may who stops traffic: the lock that is waited for here stops neither
 * readers nor writers. What a wraparound vacuum holds stays held, and what comes then gives way to it.
 */
export async function vacuumAside(client: pg.Client, tables: readonly string[]): Promise<void> {
  if (tables.length === 0) return
  // Foreign tables know neither vacuum nor LOCK.
  const { rows } = await client.query<{ name: string }>(
    `SELECT name FROM unnest($1::text[]) name JOIN pg_catalog.pg_class c ON c.oid = to_regclass(name) AND c.relkind IN ('r', 'p')`,
    [tables],
  )
  if (rows.length === 0) return
  await client.query(
    `SELECT set_config('lock_timeout', ((extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000)::int + ${VACUUM_GRACE_MS})::text, true)`,
  )
  await client.query(`LOCK TABLE ${rows.map(({ name }) => name).join(', ')} IN SHARE UPDATE EXCLUSIVE MODE`)
  await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`)
}

/** What a change does to whom. */
interface Manner {
  /** False for what cannot be in any. Default true. */
  readonly inTransaction?: boolean
  /** Tables that it locks against writers, and that autovacuum may be at. */
  readonly locks?: readonly string[]
}

/**
 * Runs `work`, which needs a table for itself for a moment, in a transaction. What is held up by others gives way after a fifth
 * of a second, and is tried again a second later.
 *
 * @param what for people: what was tried
 * @throws HF_PARTITION_LOCK_TIMEOUT, HF_PARTITION_NOT_ALLOWED, HF_PARTITION_REFUSED
 */
export async function givingWay<T>(
  tender: Tender,
  table: Subject,
  what: string,
  work: (client: pg.Client, hand: Hand) => Promise<T>,
  { inTransaction = true, locks = [] }: Manner = {},
): Promise<T> {
  const { client, clock, signal, attempts = ATTEMPTS, pauseMs = PAUSE_MS } = tender
  const hand = await handOf(tender, table)
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted()
    try {
      await client.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`)
      await vacuumAside(client, locks)
      // By itself it comes right behind: autovacuum takes a while to begin again.
      if (!inTransaction) await client.query(`COMMIT; SET lock_timeout = ${LOCK_TIMEOUT_MS}`)
      const result = await work(client, hand)
      await client.query(inTransaction ? 'COMMIT' : 'RESET lock_timeout')
      if (hand.isConfined) await cleared(client)
      return result
    } catch (error) {
      // On a lost connection the server has rolled back.
      await client.query(inTransaction ? 'ROLLBACK' : 'ROLLBACK; RESET lock_timeout').catch(() => {})
      const sqlstate = sqlstateOf(error)
      if (sqlstate === SQLSTATE.insufficientPrivilege) throw partitionDenied(table.sql, table.owner, error)
      const isPassing = PASSING.has(sqlstate ?? '')
      if (!isPassing && sqlstate !== undefined) throw partitionRefused(table.sql, what, error)
      if (!isPassing) throw error
      if (attempt >= attempts) throw partitionLocked(table.sql, attempt, error)
      tender.onWaiting?.(what, attempt)
      await wait(clock, pauseMs * (0.75 + Math.random() / 2), signal)
    }
  }
}

/**
 * The same for a list of statements: in one transaction, or one by itself where it cannot be in any.
 * @throws as {@link givingWay}
 */
export function change(
  tender: Tender,
  table: Subject,
  what: string,
  statements: readonly Statement[],
  manner: Manner = {},
): Promise<void> {
  return givingWay(tender, table, what, (client, hand) => runAll(client, hand, statements), manner)
}
