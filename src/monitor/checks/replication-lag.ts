import { formatBytes, formatDuration } from '../../core/index.ts'
import type { Check, CheckContext, Found } from '../finding.ts'

const WARNING_SECONDS = 30
const ERROR_SECONDS = 300
const WARNING_BYTES = 256 * 1_024 * 1_024

/** Replicas that are behind, and a replica that is. */
export const replicationLag: Check = {
  id: 'replication-lag',
  category: 'replication',
  good: 'replicas are close behind',
  why: 'What is read from a replica is old, and a failover to it loses what it has not got.',
  run: async (context) => (context.identity.isStandby ? lookAtSelf(context) : lookAtReplicas(context)),
}

type Lag = {
  readonly name: string
  readonly state: string
  readonly seconds: number | null
  readonly bytes: number | null
}

async function lookAtReplicas({ db }: CheckContext): Promise<Found[]> {
  const { rows } = await db.query<Lag>(`
    SELECT coalesce(nullif(application_name, ''), host(client_addr), format('pid %s', pid)) AS name, coalesce(state, 'hidden') AS state,
           extract(epoch FROM replay_lag)::float8 AS seconds, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8 AS bytes
      FROM pg_catalog.pg_stat_replication ORDER BY 4 DESC NULLS LAST LIMIT 20`)
  return rows.flatMap((lag) => {
    const { name, state, seconds, bytes } = lag
    if ((seconds ?? 0) < WARNING_SECONDS && (bytes ?? 0) < WARNING_BYTES) return []
    return [
      {
        severity: (seconds ?? 0) < ERROR_SECONDS ? ('warning' as const) : ('error' as const),
        subject: name,
        message: `What is read from replica ${name} is old: it is ${behind(lag)} behind.`,
        evidence: { state, seconds, bytes },
        action:
          'See what it waits for: a long query there, its disk, or the network. On the replica: holdfast doctor',
        sql: null,
      },
    ]
  })
}

async function lookAtSelf({ db, identity }: CheckContext): Promise<Found[]> {
  const { rows } = await db.query<Lag & { receiving: boolean; hasPrimary: boolean }>(`
    SELECT '' AS name, '' AS state, pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::float8 AS bytes,
           CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
                ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END::float8 AS seconds,
           EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver) AS receiving,
           EXISTS (SELECT FROM pg_catalog.pg_settings WHERE name = 'primary_conninfo' AND setting <> '') AS "hasPrimary"`)
  const [lag] = rows
  if (!lag) return []
  const { seconds, bytes, receiving, hasPrimary } = lag
  // One that lives from an archive alone receives nothing.
  if (!receiving && hasPrimary)
    return [
      {
        severity: 'error',
        subject: identity.database,
        message: 'This replica grows old: it receives nothing from its primary.',
        evidence: { receiving, seconds, bytes },
        action: 'See primary_conninfo, the network, and the log of this server.',
        sql: null,
      },
    ]
  if ((seconds ?? 0) < WARNING_SECONDS && (bytes ?? 0) < WARNING_BYTES) return []
  return [
    {
      severity: (seconds ?? 0) < ERROR_SECONDS ? 'warning' : 'error',
      subject: identity.database,
      message: `What is read here is old: this replica has yet to replay ${behind(lag)}.`,
      evidence: { receiving, seconds, bytes },
      action: 'A query here may hold it up (max_standby_streaming_delay), or its disk.',
      sql: 'SELECT pid, state, xact_start FROM pg_stat_activity WHERE xact_start IS NOT NULL ORDER BY xact_start;',
    },
  ]
}

const behind = ({ seconds, bytes }: Lag): string =>
  [
    ...(seconds === null ? [] : [formatDuration(seconds * 1_000)]),
    ...(bytes === null ? [] : [formatBytes(bytes)]),
  ].join(', ')
