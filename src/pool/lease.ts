import { createHash } from 'node:crypto'
import type pg from 'pg'
import { type Lease, type Queryable, systemClock, within } from '../core/index.ts'
import { driverOf } from './driver.ts'
import { openClient } from './servers/open-client.ts'

const GOODBYE_MS = 2_000

/** A stable 64-bit key for an advisory lock of this name. */
export function advisoryKey(name: string): string {
  return createHash('sha256').update(name).digest().readBigInt64BE(0).toString()
}

/**
 * Takes a session's advisory lock if nobody holds it. It ends with the session.
 * @param key of {@link advisoryKey}
 */
export async function tryAdvisoryLock(db: Queryable, key: string): Promise<boolean> {
  const { rows } = await db.query<{ held: boolean }>(
    'SELECT pg_catalog.pg_try_advisory_lock($1::bigint) AS held',
    [key],
  )
  return rows[0]?.held === true
}

/**
 * {@link Lease} on PostgreSQL's session-level advisory locks. Each lease holds a connection of its own, made
 * directly to the server: a pooler in transaction mode would lose the lock between statements.
 */
export class AdvisoryLease implements Lease {
  readonly #connection: pg.ClientConfig

  /** @param connection how to reach the server directly; `DATABASE_DIRECT_URL` where there is a pooler. */
  constructor(connection: pg.ClientConfig) {
    this.#connection = connection
  }

  async run<T>(
    name: string,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<{ held: true; value: T } | { held: false }> {
    const lost = new AbortController()
    const onLost = (): void => lost.abort(new Error(`the lease "${name}" was lost with its connection`))
    const config = { application_name: 'holdfast lease', keepAlive: true, ...this.#connection }
    const client = await openClient(config, onLost)
    client.on('end', onLost)
    try {
      if (!(await tryAdvisoryLock(client, advisoryKey(`holdfast:lease:${name}`)))) return { held: false }
      return { held: true, value: await work(lost.signal) }
    } finally {
      // Ending the session gives the lock back; a server that does not answer has to find out by itself.
      await within(systemClock, GOODBYE_MS, client.end(), () => new Error('late')).catch(() =>
        driverOf(client).connection.stream.destroy(),
      )
    }
  }
}
