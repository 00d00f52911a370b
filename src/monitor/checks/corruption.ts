import type { Check, Found } from '../finding.ts'

/** Signs that data on disk are not what was written. */
export const corruption: Check = {
  id: 'corruption',
  category: 'storage',
  good: 'no sign of damaged data',
  why: 'Damaged data spread into backups and replicas until nothing else is left.',
  run: async ({ db, identity }) => {
    const { rows } = await db.query<{ failures: number | null; at: Date | null }>(
      `SELECT checksum_failures::float8 AS failures, checksum_last_failure AS at FROM pg_catalog.pg_stat_database WHERE datname = current_database()`,
    )
    const { failures = null, at = null } = rows[0] ?? {}
    const damaged: Found[] =
      failures === null || failures === 0
        ? []
        : [
            {
              severity: 'error',
              subject: identity.database,
              message: `Data on disk are damaged: ${failures} blocks were read whose checksum is wrong.`,
              evidence: { checksum_failures: failures, last_at: at?.toISOString() ?? null },
              action:
                'Stop writing, keep a copy of the files as they are, restore from a backup, and have the disk checked. The log names the blocks.',
              sql: null,
            },
          ]
    return [...damaged, ...(identity.versionNumber >= 150_000 ? await readCollation(db) : [])]
  },
}

async function readCollation(db: Parameters<Check['run']>[0]['db']): Promise<Found[]> {
  const { rows } = await db.query<{ database: string; made: string; now: string }>(`
    SELECT quote_ident(datname) AS database, datcollversion AS made, pg_database_collation_actual_version(oid) AS now
      FROM pg_catalog.pg_database WHERE datname = current_database() AND datcollversion <> pg_database_collation_actual_version(oid)`)
  return rows.map(({ database, made, now }) => ({
    severity: 'error',
    subject: database,
    message: `Queries may miss rows and unique indexes may let doubles in: indexes on text were sorted by version ${made} of the system's collation, and it is ${now} now.`,
    evidence: { made_with: made, now },
    action: `Rebuild the indexes on text, then say so: ALTER DATABASE ${database} REFRESH COLLATION VERSION;`,
    sql: `REINDEX DATABASE CONCURRENTLY ${database};`,
  }))
}
