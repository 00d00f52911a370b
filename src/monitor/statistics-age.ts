import type { Clock, Queryable } from '../core/index.ts'

/**
 * For how many days at least the cumulative statistics of this database have been counting; undefined where that cannot be said. Since
 * they were reset, or else since the database was made, as far as its files tell; or since the server started.
 */
export async function readStatisticsAge(db: Queryable, clock: Clock): Promise<number | undefined> {
  const { rows } = await db.query<{ since: Date | null; started: Date }>(
    `SELECT stats_reset AS since, pg_postmaster_start_time() AS started FROM pg_catalog.pg_stat_database WHERE datname = current_database()`,
  )
  const { since = null, started } = rows[0] ?? {}
  const known = since ?? (await readCreation(db)) ?? started
  return known === undefined ? undefined : (clock.now() - known.getTime()) / 86_400_000
}

/** When the files of this database were made: nothing touches that one later. Only some roles may look. */
async function readCreation(db: Queryable): Promise<Date | undefined> {
  try {
    const { rows } = await db.query<{ at: Date | null }>(
      `SELECT (pg_stat_file('base/' || oid || '/PG_VERSION', true)).modification AS at FROM pg_catalog.pg_database
        WHERE datname = current_database()`,
    )
    return rows[0]?.at ?? undefined
  } catch {
    return undefined // not for this role
  }
}
