import type pg from 'pg'
import { type Clock, SQLSTATE, sqlstateOf, systemClock, wait } from '../core/index.ts'
import { advisoryKey, tryAdvisoryLock, withDirectClient } from '../pool/index.ts'
import { partitionDenied, partitionLocked, partitionRefused } from './errors.ts'
import type { Layout } from './layout.ts'

/** How long a statement of ours may stand in front of traffic. */
const LOCK_TIMEOUT_MS = 200
/** At most one attempt a second: between them whoever was held up goes on. */
const PAUSE_MS = 1_000
const ATTEMPTS = 30

/** What works on partitions: a session of its own, and how patient it is. */
export interface Tender {
  readonly client: pg.Client
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
}

/** Opens one direct connection for `work` and closes it. @throws HF_CONNECT_* */
export function withTender<T>(
  url: string,
  signal: AbortSignal | undefined,
  work: (tender: Tender) => Promise<T>,
): Promise<T> {
  return withDirectClient(url, 'holdfast partition', (client) => work({ client, clock: systemClock, signal }))
}

/** Whether this database takes writes. */
export async function isReplica({ client }: Tender): Promise<boolean> {
  const { rows } = await client.query<{ replica: boolean }>('SELECT pg_is_in_recovery() AS replica')
  return rows[0]?.replica === true
}

/** Runs `work` if nobody else tends this table; undefined when somebody does. */
export async function alone<T>(
  { client }: Tender,
  table: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const key = advisoryKey(`holdfast:partitions:${table}`)
  if (!(await tryAdvisoryLock(client, key))) return undefined
  try {
    return await work()
  } finally {
    await client.query('SELECT pg_advisory_unlock($1::bigint)', [key]).catch(() => {}) // lost: given back already
  }
}

/**
 * Runs statements that need a table for themselves for a moment: in one transaction, or one by itself where it cannot be in
 * any. Gives way after a fifth of a second, and tries again a second later.
 *
 * @param what for people: what was tried
 * @throws HF_PARTITION_LOCK_TIMEOUT, HF_PARTITION_NOT_ALLOWED, HF_PARTITION_REFUSED
 */
export async function change(
  tender: Tender,
  layout: Pick<Layout, 'sql' | 'owner'>,
  what: string,
  statements: readonly string[],
  inTransaction = true,
): Promise<void> {
  const { client, clock, signal } = tender
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted()
    try {
      await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`)
      if (inTransaction) await client.query('BEGIN')
      for (const statement of statements) await client.query(statement)
      if (inTransaction) await client.query('COMMIT')
      return
    } catch (error) {
      if (inTransaction) await client.query('ROLLBACK').catch(() => {}) // on a lost connection the server has rolled back
      const sqlstate = sqlstateOf(error)
      if (sqlstate === SQLSTATE.insufficientPrivilege) throw partitionDenied(layout.sql, layout.owner, error)
      const isPassing = sqlstate === SQLSTATE.lockNotAvailable || sqlstate === SQLSTATE.deadlockDetected
      if (!isPassing && sqlstate !== undefined) throw partitionRefused(layout.sql, what, error)
      if (!isPassing) throw error
      if (attempt === ATTEMPTS) throw partitionLocked(layout.sql, attempt, error)
      await wait(clock, PAUSE_MS * (0.75 + Math.random() / 2), signal)
    }
  }
}
