import { formatDuration } from '../../core/index.ts'
import type { Command } from 'commander'
import { inspectSchema, migrateStatus } from '../../migrate/index.ts'
import { readIdentity } from '../../monitor/index.ts'
import { type Finish, runWith } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { lookWith } from '../looking.ts'
import { askServer, findServer } from '../running-server.ts'
import type { Session } from '../session.ts'
import { colours } from '../colours.ts'

export function addStatus(program: Command, finish: Finish): void {
  runWith<{ server?: string | true }>(
    program
      .command('status')
      .description('how things stand: the database, or with --server a running Holdfast and its pool')
      .option('--server [url]', 'ask the server that was started from this folder, or the one at url'),
    finish,
    async (session, { server }) =>
      server === undefined ? databaseStatus(session) : serverStatus(session, server),
  )
}

async function databaseStatus(session: Session): Promise<number> {
  const { holdfast, reader } = await lookWith(session)
  const health = await holdfast.pool.health()
  const identity = await readIdentity(reader)
  const schema = await inspectSchema(reader, holdfast.config.database.schema)
  const migrations =
    schema.state === 'missing' || schema.state === 'unreadable'
      ? null
      : await migrateStatus(holdfast.migrations)
  const inState = (wanted: string): string[] =>
    (migrations ?? []).filter(({ state }) => state === wanted).map(({ id }) => id)
  const pending = migrations && inState('pending')
  const changed = inState('changed')
  session.out.result(
    {
      address: holdfast.address,
      database: identity.database,
      user: identity.user,
      server_version: identity.version,
      role: identity.isStandby ? 'standby' : 'primary',
      read_only: identity.isReadOnly,
      latency_ms: Math.round(health.latencyMs * 10) / 10,
      schema: schema.state,
      pending_migrations: pending,
      changed_migrations: changed,
    },
    (status) => [
      `${colours.bold(status.database)} on PostgreSQL ${status.server_version}, ${status.role}${status.read_only ? ', read-only' : ''}`,
      `address     ${status.address}`,
      `latency     ${formatDuration(status.latency_ms)}`,
      `schema      ${status.schema}`,
      `migrations  ${describeMigrations(pending, changed)}`,
    ],
  )
  if (schema.state === 'missing' || schema.state === 'outdated') session.out.next('holdfast init')
  else session.out.next(pending !== null && pending.length > 0 ? 'holdfast migrate up' : 'holdfast doctor')
  return EXIT.ok
}

function describeMigrations(pending: readonly string[] | null, changed: readonly string[]): string {
  if (pending === null) return 'cannot be told'
  const words = pending.length === 0 ? 'nothing pending' : `${pending.length} pending`
  return changed.length === 0
    ? words
    : `${words}, ${changed.length} changed after they ran: see holdfast doctor`
}

async function serverStatus(session: Session, server: string | true): Promise<number> {
  const { url, token } = await findServer(server)
  const [health, pool] = await Promise.all([
    askServer<{ status: string; uptime_seconds: number }>({ url, token }, 'GET', '/health'),
    askServer<{ checked_out: number; total: number; waiting: number }>(
      { url, token },
      'GET',
      '/v1/database/performance/pool-stats',
    ),
  ])
  session.out.result({ url, health, pool }, () => [
    `${colours.bold(url)} ${health.status === 'healthy' ? colours.green('healthy') : colours.red(health.status)}, up ${formatDuration(health.uptime_seconds * 1_000)}`,
    `pool        ${pool.checked_out} of ${pool.total} connections in use, ${pool.waiting} waiting`,
  ])
  return health.status === 'healthy' ? EXIT.ok : EXIT.findings
}
