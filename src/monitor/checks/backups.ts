import { formatDuration } from '../../core/index.ts'
import { readBackupTrace } from '../backups.ts'
import { type Check, DEFAULT_LIMITS } from '../finding.ts'

const HOUR_MS = 3_600_000

/** A restore has something recent to begin with. */
export const backups: Check = {
  id: 'backups',
  category: 'availability',
  good: 'the newest base backup is recent',
  why: 'A restore begins with a base backup and replays all of the log since: the older it is, the longer that takes, and the more may be missing.',
  run: async ({ db, identity, limits = DEFAULT_LIMITS }) => {
    const trace = await readBackupTrace(db)
    if (!trace) return null
    const { endedAt, writesSince, ageSeconds } = trace
    const mostSeconds = limits.backupMaxAgeHours * 3_600
    // A cluster that is new need not have one yet: that is not to say that it has.
    if (ageSeconds <= mostSeconds) return endedAt === null ? null : []
    const age = formatDuration(ageSeconds * 1_000)
    return [
      {
        severity: ageSeconds > 2 * mostSeconds ? 'error' : 'warning',
        confidence: 'likely',
        subject: identity.database,
        message: endedAt
          ? `A restore has to replay the log of ${age}: that old is the newest base backup of this server.`
          : `The archived log cannot be restored: in ${age} no base backup of this server was taken.`,
        evidence: {
          last_backup_at: endedAt?.toISOString() ?? null,
          age_seconds: Math.round(ageSeconds),
          takes_writes_since: writesSince.toISOString(),
          max_age: formatDuration(limits.backupMaxAgeHours * HOUR_MS),
        },
        action:
          'See why what takes your backups did not. Backups that are taken of a standby, or by a copy of the disk, leave no trace here: where yours are, raise monitor.backupMaxAgeHours. By hand: pg_basebackup --checkpoint=fast --pgdata=<folder>',
        sql: null,
      },
    ]
  },
}
