import { formatBytes, systemClock } from '../../core/index.ts'
import { readStatisticsAge } from '../statistics-age.ts'
import type { Check } from '../finding.ts'

/** A sort that spills now and then is no matter. */
const FEWEST_FILES = 10
const BYTES_PER_HOUR = 100 * 1_024 * 1_024

/** Sorts and hashes that do not fit into work_mem. */
export const tempFiles: Check = {
  id: 'temp-files',
  category: 'statements',
  good: 'sorts and hashes fit into work_mem',
  why: 'What does not fit is written to disk and read again, which is many times slower and takes room.',
  run: async ({ db, identity, clock = systemClock }) => {
    const { rows } = await db.query<{ files: number; bytes: number; memory: string }>(
      `SELECT temp_files::float8 AS files, temp_bytes::float8 AS bytes, current_setting('work_mem') AS memory
         FROM pg_catalog.pg_stat_database WHERE datname = current_database()`,
    )
    const { files = 0, bytes = 0, memory = '' } = rows[0] ?? {}
    const hours = Math.max(1, ((await readStatisticsAge(db, clock)) ?? 0) * 24)
    if (files < FEWEST_FILES || bytes / hours < BYTES_PER_HOUR) return []
    return [
      {
        severity: 'warning',
        confidence: 'likely',
        subject: identity.database,
        message: `Sorts and hashes go through the disk: ${formatBytes(bytes)} were written to ${Math.round(files)} temporary files, ${formatBytes(bytes / hours)} an hour, with work_mem at ${memory}.`,
        evidence: { files, bytes, bytes_per_hour: Math.round(bytes / hours), work_mem: memory },
        action:
          'Find the statements (holdfast query top --by temp); give them an index or fewer rows, or raise work_mem for their role.',
        sql: null,
      },
    ]
  },
}
