import { formatBytes } from '../../core/index.ts'
import type { Check } from '../finding.ts'

/** Fewer say nothing. */
const FEWEST = 20

/** Checkpoints that come before their time because so much was written. */
export const checkpoints: Check = {
  id: 'checkpoints',
  category: 'configuration',
  good: 'checkpoints come in their time',
  why: 'Each checkpoint writes all changed blocks, and the first change of each block after it is written twice.',
  run: async ({ db, identity }) => {
    const [timed, requested, table] =
      identity.versionNumber >= 170_000
        ? ['num_timed', 'num_requested', 'pg_stat_checkpointer']
        : ['checkpoints_timed', 'checkpoints_req', 'pg_stat_bgwriter']
    const { rows } = await db.query<{ timed: number; requested: number; wal: number; most: number }>(
      `SELECT c.${timed}::float8 AS timed, c.${requested}::float8 AS requested, w.wal_bytes::float8 AS wal,
              (SELECT setting::float8 * 1048576 FROM pg_catalog.pg_settings WHERE name = 'max_wal_size') AS most
         FROM pg_catalog.${table} c, pg_catalog.pg_stat_wal w`,
    )
    const { timed: inTime = 0, requested: early = 0, wal = 0, most = 0 } = rows[0] ?? {}
    // Those that somebody asked for come without so much of the log between them.
    const isFull = early > 0 && wal / early >= most / 8
    if (early < FEWEST || early <= inTime || !isFull) return []
    return [
      {
        severity: 'warning',
        confidence: 'likely',
        subject: 'max_wal_size',
        message: `The server writes more than it has to: ${early} of ${early + inTime} checkpoints came early, because max_wal_size (${formatBytes(most)}) was full.`,
        evidence: { requested: early, timed: inTime, wal_bytes: wal, max_wal_size_bytes: most },
        action:
          'Raise it until most of them come in their time; it takes room on disk. As a superuser, followed by SELECT pg_reload_conf():',
        sql: `ALTER SYSTEM SET max_wal_size = '${Math.max(1, Math.round((most * 4) / 1_073_741_824))}GB';`,
      },
    ]
  },
}
