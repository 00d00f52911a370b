import { formatBytes, quoteLiteral } from '../../core/index.ts'
import type { Check } from '../finding.ts'

/** A consumer that restarts comes back before so much is kept. */
const WARNING_BYTES = 64 * 1_024 * 1_024
const ERROR_BYTES = 10 * 1_024 ** 3

type Slot = {
  readonly name: string
  readonly type: string
  readonly active: boolean
  readonly status: string | null
  readonly bytes: number | null
}

/** Replication slots that keep the write-ahead log for nobody. */
export const replicationSlots: Check = {
  id: 'replication-slots',
  category: 'replication',
  good: 'no replication slot keeps the log for nobody',
  why: 'What a slot keeps fills the disk until the server stops, and keeps VACUUM from cleaning up.',
  run: async ({ db }) => {
    const { rows } = await db.query<Slot>(`
      SELECT slot_name AS name, slot_type AS type, active, wal_status AS status,
             pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn)::float8 AS bytes
        FROM pg_catalog.pg_replication_slots WHERE NOT temporary ORDER BY 5 DESC NULLS LAST, 1 LIMIT 20`)
    return rows.flatMap(({ name, type, active, status, bytes }) => {
      const isLost = status === 'lost' || status === 'unreserved'
      if (!isLost && (active || (bytes ?? 0) < WARNING_BYTES)) return []
      const kept = bytes === null ? '' : formatBytes(bytes)
      return [
        {
          severity: isLost || (bytes ?? 0) >= ERROR_BYTES ? ('error' as const) : ('warning' as const),
          subject: name,
          message: isLost
            ? `Whoever reads replication slot ${name} has to begin anew: what it needs of the log is ${status === 'lost' ? 'gone' : 'about to go'}.`
            : `The disk fills up: ${kept} of the log are kept for replication slot ${name}, which nobody reads.`,
          evidence: { type, active, wal_status: status, retained_bytes: bytes },
          action: isLost
            ? 'Drop it, and set its reader up anew:'
            : 'Bring its reader back, or drop it; a reader that comes back later has to begin anew:',
          sql: `SELECT pg_drop_replication_slot(${quoteLiteral(name)});`,
        },
      ]
    })
  },
}
