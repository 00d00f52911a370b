import type { Command } from 'commander'
import pc from 'picocolors'
import { migrateStatus, migrateUp, type MigrationStatus } from '../../migrate/index.ts'
import { type Finish, runWith } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { formatDuration, plural, table } from '../output.ts'

interface UpFlags {
  to?: string
  dryRun?: boolean
  allowOutOfOrder?: boolean
}

export function addMigrate(program: Command, finish: Finish): void {
  const migrate = program.command('migrate').description('your migrations')

  runWith<UpFlags>(
    migrate
      .command('up')
      .description('run what is pending, each migration in one transaction')
      .option('--to <id>', 'stop after this migration')
      .option('--dry-run', 'only say what would run')
      .option(
        '--allow-out-of-order',
        'run migrations older than one that ran (outside production this is the default)',
      ),
    finish,
    async (session, { to, dryRun, allowOutOfOrder }) => {
      const { out } = session
      const holdfast = await session.connect()
      const ids = await migrateUp(holdfast.migrations, {
        ...holdfast.config.migrate,
        to,
        isDryRun: dryRun,
        allowOutOfOrder: allowOutOfOrder ?? holdfast.config.environment !== 'production',
        onProgress(progress) {
          if (progress.kind === 'started') out.say(`[${progress.index + 1}/${progress.count}] ${progress.id}`)
          else if (progress.kind === 'applied')
            out.say(`      applied in ${formatDuration(progress.durationMs)}`)
          else if (progress.kind === 'retrying')
            out.say(`      line ${progress.line}: the lock is not free, attempt ${progress.attempt} follows`)
        },
      })
      out.result({ database: holdfast.address, dry_run: dryRun ?? false, ran: ids }, ({ database }) => {
        if (ids.length === 0) return `Nothing is pending in ${database}.`
        return dryRun
          ? `Would run in ${database}:\n${ids.join('\n')}`
          : `${plural(ids.length, 'migration')} applied to ${database}.`
      })
      out.next(
        ids.length === 0 ? 'holdfast migrate status' : dryRun ? 'holdfast migrate up' : 'holdfast doctor',
      )
      return EXIT.ok
    },
  )

  runWith(migrate.command('status').description('what ran and what is pending'), finish, async (session) => {
    const holdfast = await session.connect()
    const migrations = await migrateStatus(holdfast.migrations)
    session.out.result({ database: holdfast.address, migrations: migrations.map(inJson) }, () =>
      renderStatus(migrations, holdfast.migrations.directory),
    )
    if (migrations.some(({ state }) => state === 'pending')) session.out.next('holdfast migrate up')
  })
}

function inJson(migration: MigrationStatus): object {
  const { id, state, appliedAt, durationMs, appliedBy, lastError } = migration
  return {
    id,
    state,
    applied_at: appliedAt,
    duration_ms: durationMs,
    applied_by: appliedBy,
    last_error: lastError,
  }
}

function renderStatus(migrations: readonly MigrationStatus[], directory: string): string {
  if (migrations.length === 0) {
    return `There are no migrations in ${directory} yet. The first one: a folder like 20260101T120000Z_create_users with up.sql and down.sql.`
  }
  const colour = { applied: pc.green, pending: pc.yellow, interrupted: pc.red, missing: pc.red, changed: pc.red }
  const list = table(
    ['migration', 'applied', 'took', 'by'],
    migrations.map(({ id, state, appliedAt, durationMs, appliedBy }) => [
      id,
      state === 'applied' ? (appliedAt?.toISOString() ?? '') : colour[state](state),
      durationMs === null ? '' : formatDuration(durationMs),
      appliedBy ?? '',
    ]),
  )
  const failed = migrations.filter(({ lastError }) => lastError !== null)
  return [list, ...failed.map(({ id, lastError }) => `${pc.yellow(id)} failed last time: ${lastError}`)].join(
    '\n',
  )
}
