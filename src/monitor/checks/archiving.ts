import type { Check } from '../finding.ts'

/** The write-ahead log reaches its archive. */
export const archiving: Check = {
  id: 'archiving',
  category: 'replication',
  good: 'the write-ahead log is archived where it is to be',
  why: 'What is not archived cannot be restored, and stays on the disk until that is full.',
  run: async ({ db }) => {
    const { rows } = await db.query<{
      mode: string
      failed: number
      file: string | null
      at: Date | null
      fails: boolean
    }>(`
      SELECT current_setting('archive_mode') AS mode, failed_count::float8 AS failed, last_failed_wal AS file, last_failed_time AS at,
             last_failed_time IS NOT NULL AND (last_archived_time IS NULL OR last_failed_time > last_archived_time) AS fails
        FROM pg_catalog.pg_stat_archiver`)
    const [archiver] = rows
    if (!archiver || archiver.mode === 'off' || !archiver.fails) return []
    const { failed, file, at } = archiver
    return [
      {
        severity: 'error',
        subject: 'archive_command',
        message: `Nothing after ${file} can be restored: archiving the log fails, ${failed} times so far.`,
        evidence: { failed, file, last_failed_at: at?.toISOString() ?? null },
        action: 'See the log of the server for what archive_command says, and run it by hand.',
        sql: null,
      },
    ]
  },
}
