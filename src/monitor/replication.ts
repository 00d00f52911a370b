import type { Queryable } from '../core/index.ts'

/** Somebody who receives this server's log. */
export type ReplicaPicture = {
  readonly name: string
  readonly address: string | null
  /** streaming, catchup, backup; null where this role may not see it. */
  readonly state: string | null
  readonly sync: string | null
  /** Log that has not been sent to it, and that it has not replayed, in bytes. */
  readonly unsentBytes: number | null
  readonly unreplayedBytes: number | null
  /** How old what it shows is; 0 where it has caught up. */
  readonly lagSeconds: number | null
}

/** A promise to keep log for somebody. */
export type SlotPicture = {
  readonly name: string
  readonly kind: string
  readonly isActive: boolean
  /** Log that is kept for it, in bytes; null where nothing is. */
  readonly retainedBytes: number | null
  /** reserved, extended, unreserved or lost. */
  readonly walStatus: string | null
}

/** Where a standby gets its log from. */
export type ReceiverPicture = {
  readonly isReceiving: boolean
  readonly from: string | null
  /** Received, and not replayed yet, in bytes. */
  readonly unreplayedBytes: number | null
  /** Since the last transaction that was replayed; 0 where all of it is. */
  readonly lagSeconds: number | null
}

/** Who follows this server, and whom it follows. */
export interface ReplicationPicture {
  readonly role: 'primary' | 'standby'
  readonly replicas: readonly ReplicaPicture[]
  readonly slots: readonly SlotPicture[]
  /** Null on a primary. */
  readonly receiver: ReceiverPicture | null
}

const HERE = `CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END`

/** Source: pg_stat_replication, pg_replication_slots, pg_stat_wal_receiver. Waits for no lock. */
export async function readReplication(db: Queryable): Promise<ReplicationPicture> {
  const replicas = await db.query<ReplicaPicture>(`
    SELECT coalesce(nullif(application_name, ''), format('pid %s', pid)) AS name, host(client_addr) AS address, state, sync_state AS sync,
           pg_wal_lsn_diff(${HERE}, sent_lsn)::float8 AS "unsentBytes", pg_wal_lsn_diff(${HERE}, replay_lsn)::float8 AS "unreplayedBytes",
           CASE WHEN replay_lsn IS NOT NULL THEN extract(epoch FROM coalesce(replay_lag, '0')) END::float8 AS "lagSeconds"
      FROM pg_catalog.pg_stat_replication ORDER BY 6 DESC NULLS LAST, 1 LIMIT 100`)
  const slots = await db.query<SlotPicture>(`
    SELECT slot_name AS name, slot_type AS kind, active AS "isActive", pg_wal_lsn_diff(${HERE}, restart_lsn)::float8 AS "retainedBytes",
           wal_status AS "walStatus"
      FROM pg_catalog.pg_replication_slots ORDER BY 4 DESC NULLS LAST, 1 LIMIT 100`)
  const own = await db.query<{ isStandby: boolean } & ReceiverPicture>(`
    SELECT pg_is_in_recovery() AS "isStandby", EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver) AS "isReceiving",
           (SELECT sender_host || ':' || sender_port FROM pg_catalog.pg_stat_wal_receiver) AS "from",
           CASE WHEN pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) END::float8 AS "unreplayedBytes",
           CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
                ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END::float8 AS "lagSeconds"`)
  const { isStandby = false, ...receiver } = own.rows[0] ?? {
    isReceiving: false,
    from: null,
    unreplayedBytes: null,
    lagSeconds: null,
  }
  return {
    role: isStandby ? 'standby' : 'primary',
    replicas: replicas.rows,
    slots: slots.rows,
    receiver: isStandby ? receiver : null,
  }
}
