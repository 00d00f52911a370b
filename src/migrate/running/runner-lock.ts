import type pg from 'pg'
import { systemClock, wait } from '../../core/index.ts'
import { advisoryKey, tryAdvisoryLock } from '../../pool/index.ts'
import { runnerBusy } from '../errors.ts'
import type { HistoryTable } from '../history/tables.ts'

const POLL_MS = 200

/** The key of the lock that keeps two runners of one history apart. */
export function advisoryKeyOf({ schema, table }: HistoryTable): string {
  return advisoryKey(`holdfast:migrate:${schema}.${table}`)
}

/**
 * Holds the session's advisory lock for runners of one history while `work` runs.
 *
 * It polls instead of waiting inside PostgreSQL: a session that waits in `pg_advisory_lock` holds a snapshot,
 * and a CREATE INDEX CONCURRENTLY of the runner in front would wait for that snapshot, for ever.
 *
 * @throws HF_MIGRATE_LOCK_HELD naming who holds it
 */
export async function withRunnerLock<T>(
  client: pg.Client,
  history: HistoryTable,
  waitMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const key = advisoryKeyOf(history)
  const deadline = systemClock.monotonicMs() + waitMs
  while (!(await tryAdvisoryLock(client, key))) {
    if (systemClock.monotonicMs() >= deadline) {
      const holder = await holderOf(client, key)
      throw runnerBusy(waitMs, holder?.words ?? 'it has just finished')
    }
    await wait(systemClock, POLL_MS)
  }
  try {
    return await work()
  } finally {
    // On a lost connection the server has given the lock back already.
    await client.query('SELECT pg_advisory_unlock($1::bigint)', [key]).catch(() => {})
  }
}

/** Whose session holds a lock, and how to say it; undefined when nobody's does. */
export async function holderOf(
  client: pg.Client,
  key: string,
): Promise<{ readonly pid: number; readonly words: string } | undefined> {
  const { rows } = await client.query<{ pid: number; words: string }>(
    `SELECT a.pid, format('process %s, user %s, %s, since %s', a.pid, a.usename, coalesce(host(a.client_addr), 'local'),
                   to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) AS words
       FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
      WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
        AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
        AND l.classid = (($1::bigint >> 32) & 4294967295)::oid AND l.objid = ($1::bigint & 4294967295)::oid`,
    [key],
  )
  return rows[0]
}
