import { MOST_TOLD } from '../relations.ts'
import type { Check } from '../finding.ts'

/** Of the two billion transactions that may lie between the oldest row and now; at about 99.9% PostgreSQL takes no writes. */
const WARNING_PERCENT = 50
const ERROR_PERCENT = 75

/** Databases whose oldest rows were not frozen for too many transactions. */
export const wraparound: Check = {
  id: 'wraparound',
  category: 'storage',
  good: 'transaction ids do not run out',
  why: 'When they run out the server takes no writes until VACUUM has gone through the oldest tables.',
  run: async ({ db, identity }) => {
    const { rows } = await db.query<{ database: string; what: string; age: number; percent: number }>(
      `SELECT datname AS database, what, age::float8 AS age, round((age / 21474836.48)::numeric, 1)::float8 AS percent
         FROM pg_catalog.pg_database, LATERAL (VALUES ('transaction', age(datfrozenxid)), ('multixact', mxid_age(datminmxid))) v (what, age)
        WHERE age / 21474836.48 >= $1 ORDER BY age DESC LIMIT $2`,
      [WARNING_PERCENT, MOST_TOLD],
    )
    const horizon = rows.length === 0 ? null : await readHorizon(db)
    return rows.map(({ database, what, age, percent }) => ({
      severity: percent < ERROR_PERCENT ? ('warning' as const) : ('error' as const),
      subject: database,
      message: `The server stops taking writes in time: ${percent}% of the ${what} ids are used up since the oldest row of ${database} was frozen.`,
      evidence: { what, age, percent, held_back_by: horizon },
      action:
        database === identity.database
          ? `Freeze the oldest tables${horizon === null ? '' : `, after ending what holds it back (${horizon})`}: autovacuum does not keep up.`
          : `Connect to ${database} and freeze its oldest tables.`,
      sql: 'VACUUM (FREEZE, VERBOSE);',
    }))
  },
}

/** Whose old snapshot keeps VACUUM from freezing; null where nobody's does. */
async function readHorizon(db: Parameters<Check['run']>[0]['db']): Promise<string | null> {
  const { rows } = await db.query<{ who: string }>(`
    SELECT who FROM (
      SELECT format('session %s', pid) AS who, age(backend_xmin) AS age FROM pg_catalog.pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
      UNION ALL SELECT format('replication slot %s', slot_name), greatest(age(xmin), age(catalog_xmin)) FROM pg_catalog.pg_replication_slots
      UNION ALL SELECT format('prepared transaction %s', gid), age(transaction) FROM pg_catalog.pg_prepared_xacts) h
     WHERE age > 10000000 ORDER BY age DESC LIMIT 1`)
  return rows[0]?.who ?? null
}
