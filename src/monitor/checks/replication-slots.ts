import { formatBytes, quoteLiteral } from '../../core/index.ts'
import type { Check, Found } from '../finding.ts'

/** A consumer that restarts comes back before so much is kept. */
const WARNING_BYTES = 64 * 1_024 * 1_024
const ERROR_BYTES = 10 * 1_024 ** 3
/** VACUUM has not cleaned up for so long. */
const OLD_TRANSACTIONS = 10_000_000

type Slot = {
  readonly name: string
  readonly type: string
  readonly active: boolean
  readonly status: string | null
  readonly bytes: number | null
  readonly age: number | null
}

/** Replication slots that keep the write-ahead log for nobody. */
export const replicationSlots: Check = {
  id: 'replication-slots',
  category: 'replication',
  good: 'no replication slot keeps the log for nobody',
  why: 'What a slot keeps fills the disk until the server stops, and keeps VACUUM from cleaning up.',
  run: async ({ db, identity }) => {
    // Slots that a standby keeps for a failover are its primary's.
    const own = identity.versionNumber >= 170_000 ? 'AND NOT synced' : ''
    const { rows } = await db.query<Slot>(`
      SELECT slot_name AS name, slot_type AS type, active, wal_status AS status, greatest(age(xmin), age(catalog_xmin))::float8 AS age,
             pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn)::float8 AS bytes
        FROM pg_catalog.pg_replication_slots WHERE NOT temporary ${own} ORDER BY 6 DESC NULLS LAST, 1 LIMIT 20`)
    return rows.flatMap(describe)
  },
}

function describe({ name, type, active, status, bytes, age }: Slot): Found[] {
  const isLost = status === 'lost' || status === 'unreserved'
  const isFull = (bytes ?? 0) >= (active ? ERROR_BYTES : WARNING_BYTES)
  const isOld = !active && (age ?? 0) >= OLD_TRANSACTIONS
  if (!isLost && !isFull && !isOld) return []
  const kept = bytes === null ? 'parts' : formatBytes(bytes)
  const whom = active ? 'whose reader does not keep up' : 'which nobody reads'
  return [
    {
      severity: isLost || (bytes ?? 0) >= ERROR_BYTES ? 'error' : 'warning',
      subject: name,
      message: isLost
        ? `Whoever reads replication slot ${name} has to begin anew: what it needs of the log is ${status === 'lost' ? 'gone' : 'about to go'}.`
        : isFull
          ? `The disk fills up: ${kept} of the log are kept for replication slot ${name}, ${whom}.`
          : `VACUUM cannot clean up: replication slot ${name}, ${whom}, holds on to rows of ${age} transactions ago.`,
      evidence: { type, active, wal_status: status, retained_bytes: bytes, age },
      action: active
        ? 'Let its reader catch up, or end it; then the slot can be dropped.'
        : 'Bring its reader back, or drop it; a reader that comes back later has to begin anew:',
      sql: active ? null : `SELECT pg_drop_replication_slot(${quoteLiteral(name)});`,
    },
  ]
}
