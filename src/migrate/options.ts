import { integer, type OptionValues, text } from '../core/index.ts'

/** Options of the migration runner. */
export const MIGRATE_OPTIONS = {
  directory: text({
    doc: 'Folder of your migrations, one folder each.',
    default: 'db/migrations',
    env: 'HOLDFAST_MIGRATE_DIRECTORY',
    accepts: 'a path',
  }),
  snapshot: text({
    doc: 'File for the structure after the last "migrate up", to be compared and linted against; written outside production.',
    default: 'db/snapshot.json',
    env: 'HOLDFAST_MIGRATE_SNAPSHOT',
    accepts: 'a path',
  }),
  lockTimeoutMs: integer({
    doc: 'How long a statement of a migration may wait for a lock before the migration steps back and tries again.',
    default: 2_000,
    min: 1,
    max: 600_000,
    env: 'HOLDFAST_MIGRATE_LOCK_TIMEOUT_MS',
  }),
  lockRetries: integer({
    doc: 'How often a migration that could not get a lock is tried again.',
    default: 30,
    min: 0,
    max: 1_000,
    env: 'HOLDFAST_MIGRATE_LOCK_RETRIES',
  }),
  contractGraceMs: integer({
    doc: 'How long what a contract migration removes must have been out of use, and its expand in force; 0 does not look. Default: a day in production, else 0.',
    default: undefined,
    min: 0,
    max: 31_536_000_000,
    env: 'HOLDFAST_MIGRATE_CONTRACT_GRACE_MS',
  }),
  runnerWaitMs: integer({
    doc: 'How long to wait while another process runs migrations; 0 fails at once.',
    default: 10_000,
    min: 0,
    max: 3_600_000,
    env: 'HOLDFAST_MIGRATE_RUNNER_WAIT_MS',
  }),
} as const

/** Resolved options of the migration runner. */
export type MigrateOptions = OptionValues<typeof MIGRATE_OPTIONS>

/** What `contractGraceMs` is where nothing else is said: in production, and for whoever uses the library alone. */
export const CONTRACT_GRACE_MS = 86_400_000
