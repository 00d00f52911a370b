import type { Check, Found } from '../finding.ts'

/** The write-ahead log reaches its archive. */
export const archiving: Check = {
  id: 'archiving',
  category: 'replication',
  good: 'the write-ahead log is archived where it is to be',
  why: 'What is not archived cannot be restored, and stays on the disk until that is full.',
  run: async ({ db }) => {
    const { rows } = await db.query<{
      mode: string
      idle: boolean
      failed: number
      file: string | null
      at: Date | null
      fails: boolean
    }>(`
      SELECT current_setting('archive_mode') AS mode,
             current_setting('archive_command') = '' AND coalesce(current_setting('archive_library', true), '') = ''
               AND (NOT pg_is_in_recovery() OR current_setting('archive_mode') = 'always') AS idle,
             failed_count::float8 AS failed, last_failed_wal AS file, last_failed_time AS at,
             last_failed_time IS NOT NULL AND (last_archived_time IS NULL OR last_failed_time > last_archived_time) AS fails
        FROM pg_catalog.pg_stat_archiver`)
    const [archiver] = rows
    if (!archiver || archiver.mode === 'off') return null
    if (archiver.idle) return [nothingArchives()]
    if (!archiver.fails) return []
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

const nothingArchives = (): Found => ({
  severity: 'error',
  subject: 'archive_command',
  message: 'The disk fills up: all of the log is kept until it is archived, and nothing archives it.',
  evidence: { archive_command: '' },
  action:
    'Set archive_command or archive_library, followed by SELECT pg_reload_conf(); or turn archive_mode off, which takes a restart.',
  sql: null,
})
