import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { databaseOf, formatDuration, plural } from '../../core/index.ts'
import {
  catalogAt,
  lintPending,
  migrateDown,
  migrateHistory,
  type MigrateProgress,
  migrateStatus,
  migrateUp,
  type MigrationStatus,
  progressInWords,
  readMigrations,
} from '../../migrate/index.ts'
import { renderSnapshot } from '../../schema/index.ts'
import type { Holdfast } from '../../holdfast.ts'
import { type Finish, runWith } from '../command.ts'
import { confirmByName } from '../confirm.ts'
import { downInProduction, usage } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { type Lines, type Output, linesIn, table } from '../output.ts'
import { colours } from '../colours.ts'

interface UpFlags {
  to?: string
  dryRun?: boolean
  sql?: boolean
  skipBackfills?: boolean
  allowOutOfOrder?: boolean
}

interface DownFlags {
  to?: string
  count?: string
  dryRun?: boolean
  confirm?: string
}

export function addMigrateRunning(migrate: Command, finish: Finish): void {
  addUp(migrate, finish)
  addDown(migrate, finish)
  addStatus(migrate, finish)
  addHistory(migrate, finish)
  addCheck(migrate, finish)
}

function addUp(migrate: Command, finish: Finish): void {
  runWith<UpFlags>(
    migrate
      .command('up')
      .description('run what is pending, each migration in one transaction')
      .option('--to <id>', 'stop after this migration')
      .option('--dry-run', 'only say what would run')
      .option('--sql', 'only print the statements that would run')
      .option('--skip-backfills', 'leave them for: holdfast backfill run')
      .option(
        '--allow-out-of-order',
        'run migrations older than one that ran (outside production this is the default)',
      ),
    finish,
    async (session, { to, dryRun = false, sql = false, skipBackfills, allowOutOfOrder }) => {
      const { out } = session
      const holdfast = await session.connect()
      const ids = await migrateUp(holdfast.migrations, {
        ...holdfast.migrateOptions,
        to,
        isDryRun: dryRun || sql,
        skipsBackfills: skipBackfills,
        allowOutOfOrder: allowOutOfOrder ?? holdfast.config.environment !== 'production',
        onProgress: sayProgress(out),
      })
      if (ids.length > 0 && !dryRun && !sql && holdfast.config.environment !== 'production')
        await writeSnapshot(holdfast)
      const scripts = sql ? scriptsOf(holdfast.migrations.directory, ids) : undefined
      out.result(
        { database: holdfast.address, dry_run: dryRun || sql, ran: ids, ...(scripts && { sql: scripts }) },
        ({ database }) => {
          if (scripts) return linesIn(scripts)
          if (ids.length === 0) return `Nothing is pending in ${database}.`
          return dryRun
            ? [`Would run in ${database}:`, ...ids]
            : `${plural(ids.length, 'migration')} applied to ${database}.`
        },
      )
      if (!sql)
        out.next(
          ids.length === 0 ? 'holdfast migrate status' : dryRun ? 'holdfast migrate up' : 'holdfast doctor',
        )
      return EXIT.ok
    },
  )
}

/** The structure as it is now, for reviews, drift and the linter. A folder that cannot be written is no failure. */
async function writeSnapshot({ config, directUrl }: Holdfast): Promise<void> {
  const path = resolve(config.migrate.snapshot)
  const text = renderSnapshot(await catalogAt(directUrl, config.database.schema))
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  } catch {
    // The migrations ran: that is what was asked for.
  }
}

/** The statements of migrations as one script, for whoever has to run them by hand. */
function scriptsOf(directory: string, ids: readonly string[]): string {
  const byId = new Map(readMigrations(directory).map((migration) => [migration.id, migration]))
  return ids
    .map((id) => byId.get(id)?.up)
    .map(
      (up) =>
        `-- ${up?.path}\n${up?.language === 'sql' ? up.text.trimEnd() : '-- a step in TypeScript: it cannot be said in SQL'}\n`,
    )
    .join('\n')
}

function addDown(migrate: Command, finish: Finish): void {
  runWith<DownFlags>(
    migrate
      .command('down')
      .description('take back the last migration, outside production')
      .option('--to <id>', 'take back all that ran after this one')
      .option('--count <n>', 'take back so many')
      .option('--dry-run', 'only say what would go')
      .option('--confirm <name>', "the database's name, instead of being asked"),
    finish,
    async (session, { to, count, dryRun = false, confirm }) => {
      const { out } = session
      const holdfast = await session.connect()
      if (holdfast.config.environment === 'production' && !dryRun) throw downInProduction()
      const name = databaseOf(holdfast.url)
      const options = {
        ...holdfast.migrateOptions,
        to,
        count: countFrom(count),
      }
      const ids = await migrateDown(holdfast.migrations, { ...options, isDryRun: true })
      if (!dryRun && ids.length > 0) {
        await confirmByName(
          session,
          name,
          confirm,
          `This takes back ${ids.join(', ')}, with the rows that are in what goes.`,
        )
        await migrateDown(holdfast.migrations, { ...options, expected: ids, onProgress: sayProgress(out) })
      }
      out.result({ database: holdfast.address, dry_run: dryRun, taken_back: ids }, ({ database }) =>
        ids.length === 0
          ? `Nothing is applied to ${database}.`
          : `${dryRun ? 'Would take back' : 'Took back'} ${ids.join(', ')} in ${database}.`,
      )
      out.next('holdfast migrate status')
    },
  )
}

/** How many migrations. @throws HF_CLI_USAGE */
export function countFrom(flag: string | undefined): number | undefined {
  if (flag === undefined) return undefined
  if (!/^[1-9]\d{0,5}$/.test(flag)) throw usage('--count: a whole number from 1')
  return Number(flag)
}

/** What a run tells, as lines. */
export function sayProgress(out: Output): (progress: MigrateProgress) => void {
  const inWords = progressInWords()
  return (progress) => {
    const line = inWords(progress)
    if (line !== undefined) out.say(line)
  }
}

function addStatus(migrate: Command, finish: Finish): void {
  runWith(migrate.command('status').description('what ran and what is pending'), finish, async (session) => {
    const holdfast = await session.connect()
    const migrations = await migrateStatus(holdfast.migrations)
    session.out.result({ database: holdfast.address, migrations: migrations.map(inJson) }, () =>
      renderStatus(migrations, holdfast.migrations.directory),
    )
    if (migrations.some(({ state }) => state === 'pending' || state === 'interrupted'))
      session.out.next('holdfast migrate up')
  })

  runWith(migrate.command('current').description('the migration that ran last'), finish, async (session) => {
    const holdfast = await session.connect()
    const applied = (await migrateStatus(holdfast.migrations)).filter(({ state }) => state !== 'pending')
    const last = applied.at(-1)?.id ?? null
    session.out.result({ database: holdfast.address, current: last }, () => last ?? 'none')
  })
}

function addHistory(migrate: Command, finish: Finish): void {
  runWith<{ limit: string }>(
    migrate
      .command('history')
      .description('every attempt: who, when, how long, what failed')
      .option('--limit <n>', 'the latest so many', '50'),
    finish,
    async (session, { limit }) => {
      const holdfast = await session.connect()
      const entries = (await migrateHistory(holdfast.migrations)).slice(0, Number(limit) || 50)
      session.out.result(
        { database: holdfast.address, attempts: entries.map((entry) => snakeCased({ ...entry })) },
        () =>
          table(
            ['when', 'migration', 'way', 'how', 'took', 'by', 'outcome'],
            entries.map((entry) => [
              entry.startedAt.toISOString(),
              entry.migrationId,
              entry.direction,
              entry.method,
              formatDuration(entry.durationMs),
              `${entry.databaseUser} (${entry.osUser}@${entry.host})`,
              entry.status === 'applied'
                ? (entry.reason ?? 'applied')
                : `line ${entry.failedLine}: ${entry.error}`,
            ]),
          ),
      )
    },
  )
}

/** As JSON of ours is written. */
function snakeCased(record: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  )
}

function addCheck(migrate: Command, finish: Finish): void {
  runWith(
    migrate
      .command('check')
      .description('for CI: is the folder in order, and does the database have all of it'),
    finish,
    async (session) => {
      const { out } = session
      const holdfast = await session.connect()
      const status = await migrateStatus(holdfast.migrations)
      const problems = status
        .filter(({ state }) => state !== 'applied')
        .map(({ id, state }) => ({ id, problem: state }))
      out.result({ database: holdfast.address, problems }, () =>
        problems.length === 0
          ? `${plural(status.length, 'migration')}, all applied to ${holdfast.address}.`
          : problems.map(({ id, problem }) => `${id} is ${problem}`),
      )
      return problems.length === 0 ? EXIT.ok : EXIT.findings
    },
  )

  runWith(
    migrate
      .command('plan')
      .description('what is pending, with the locks it takes and what the linter says of it'),
    finish,
    async (session) => {
      const { out } = session
      const holdfast = await session.connect()
      const plan = await lintPending(holdfast.migrations, holdfast.config.database.schema)
      out.result({ database: holdfast.address, pending: plan.map((one) => snakeCased({ ...one })) }, () =>
        plan.length === 0
          ? `Nothing is pending in ${holdfast.address}.`
          : plan.map(({ id, statements }) => [
              colours.bold(id),
              ...statements.map(({ line, lock, blocks, findings }) => {
                const what =
                  lock === null ? 'no lock' : `${lock}${blocks ? ` on ${blocks.tables.join(', ')}` : ''}`
                return [
                  `  line ${line}: ${what}`,
                  ...findings.map((one) => `    ${one.severity} ${one.rule}: ${one.message}`),
                ]
              }),
            ]),
      )
      if (plan.length > 0) out.next('holdfast migrate up')
    },
  )
}

function inJson(migration: MigrationStatus): object {
  return snakeCased({ ...migration })
}

function renderStatus(migrations: readonly MigrationStatus[], directory: string): Lines {
  if (migrations.length === 0) {
    return `There are no migrations in ${directory} yet. The first one: holdfast migrate new create_users`
  }
  const colour = {
    applied: colours.green,
    pending: colours.yellow,
    interrupted: colours.red,
    missing: colours.red,
    changed: colours.red,
  }
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
  return [list, ...failed.map(({ id, lastError }) => `${colours.yellow(id)} failed last time: ${lastError}`)]
}
