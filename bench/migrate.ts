/**
 * The linter beside squawk, and the runner beside other runners: `npm run bench:migrate` writes
 * bench/results/migrate.json.
 *
 * Verdicts: each statement of the corpus in a file of its own. What is right is what the statement was measured to do
 * (test/support/lint-measured.json) and what running services lose by it. squawk sees files only, so it is told what a
 * file can tell: the version, and that it runs in a transaction. Its rules of taste, and those about timeouts and being
 * run twice, which a runner takes care of, are left out: they would only count against it. Ours is shown with and
 * without knowing the catalog.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { runner } from 'node-pg-migrate'
import pg from 'pg'
import {
  installSchema,
  Linter,
  migrateUp,
  type Script,
  sqlScript,
  userHistory,
} from '../src/migrate/index.ts'
import { type Catalog, readCatalog } from '../src/schema/index.ts'
import { createTestDatabase, startTestServer } from '../src/testing/index.ts'
import { CORPUS, type CorpusEntry } from '../test/support/lint-corpus.ts'
import { FIXTURE } from '../test/support/lint-fixture.ts'
import { interleave, machine, ratios, spread, timed } from './measure.ts'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 9)
const MANY = Number(process.env.BENCH_MIGRATIONS ?? 1_000)
const STATEMENTS = 500
const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
const require = createRequire(import.meta.url)
const SQUAWK = require.resolve(`@squawk-cli/${process.platform}-${process.arch}/bin/squawk`)
const TASTE = [
  'prefer-robust-stmts',
  'prefer-bigint-over-int',
  'prefer-bigint-over-smallint',
  'prefer-identity',
  'prefer-text-field',
  'prefer-timestamptz',
  'prefer-timestamp-tz',
  'require-timeout-settings',
  'ban-char-field',
]

/** Rules of its that speak of the files that it is given. */
function squawk(files: readonly string[], inTransaction: boolean): Map<string, string[]> {
  const place = inTransaction ? ['--assume-in-transaction'] : []
  const args = [
    '--reporter',
    'json',
    '--pg-version',
    '18.0',
    ...place,
    '--exclude',
    TASTE.join(','),
    ...files,
  ]
  const found = new Map<string, string[]>()
  for (const { file, rule_name: rule } of JSON.parse(output(args)) as { file: string; rule_name: string }[])
    found.set(file, [...(found.get(file) ?? []), rule])
  return found
}

/** It ends with 1 when it has something to say. */
function output(args: readonly string[]): string {
  try {
    return execFileSync(SQUAWK, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch (error) {
    return (error as { stdout: string }).stdout
  }
}

/** What only a runner can know, and what is said with other words for another tool, is nobody's to find. */
const isFair = ({ rule }: CorpusEntry): boolean =>
  rule !== 'missing-lock-timeout' && rule !== 'transaction-command'

interface Verdicts {
  readonly missed: readonly string[]
  readonly falseAlarms: readonly string[]
}

function verdicts(entries: readonly CorpusEntry[], speaks: (at: number) => boolean): Verdicts {
  return {
    missed: entries.filter(({ rule }, at) => rule !== undefined && !speaks(at)).map(({ sql: text }) => text),
    falseAlarms: entries
      .filter(({ rule }, at) => rule === undefined && speaks(at))
      .map(({ sql: text }) => text),
  }
}

async function compareVerdicts(catalog: Catalog): Promise<Record<string, Verdicts & { of: number }>> {
  const entries = CORPUS.filter(isFair)
  const scripts = entries.map((entry, at): Script => {
    const text = `${entry.before ? `${entry.before};\n` : ''}${entry.sql};\n`
    const path = join(folder, `${at}.sql`)
    writeFileSync(path, text)
    return sqlScript(path, `${entry.off ? '-- holdfast: transaction=off\n' : ''}${text}`)
  })
  const theirs = new Map<string, string[]>()
  // Files of those that stand outside of a transaction are said to.
  for (const off of [true, false]) {
    const files = entries.flatMap((entry, at) =>
      (entry.off ?? false) === off ? [join(folder, `${at}.sql`)] : [],
    )
    for (const [file, rules] of squawk(files, !off)) theirs.set(file, rules)
  }
  const speaks = async (knowledge: { catalog?: Catalog }): Promise<boolean[]> => {
    const loud: boolean[] = []
    for (const script of scripts) {
      const linted = await (await Linter.create(knowledge)).lint(script)
      loud.push((linted.at(-1)?.findings ?? []).some(({ severity }) => severity !== 'info'))
    }
    return loud
  }
  const [knowing, blind] = [await speaks({ catalog }), await speaks({})]
  return {
    holdfast: { of: entries.length, ...verdicts(entries, (at) => knowing[at] ?? false) },
    'holdfast without the catalog': { of: entries.length, ...verdicts(entries, (at) => blind[at] ?? false) },
    squawk: { of: entries.length, ...verdicts(entries, (at) => theirs.has(join(folder, `${at}.sql`))) },
  }
}

async function lintSpeed(catalog: Catalog) {
  const lines = CORPUS.filter((entry) => entry.before === undefined && isFair(entry))
  const text = Array.from({ length: STATEMENTS }, (_, at) => `${lines[at % lines.length]?.sql ?? ''};`).join(
    '\n',
  )
  const path = join(folder, 'many.sql')
  writeFileSync(path, text)
  const script = sqlScript(path, text)
  await (await Linter.create({ catalog })).lint(script) // the parser is loaded
  const results = await interleave(ROUNDS, {
    holdfast: () => timed(async () => (await Linter.create({ catalog })).lint(script)),
    'squawk (its process included)': () => timed(async () => void squawk([path], true)),
  })
  return {
    statements: STATEMENTS,
    holdfast: spread(results.holdfast),
    squawk: spread(results['squawk (its process included)']),
  }
}

async function runnerSpeed(serverUrl: string) {
  const directory = join(folder, 'many')
  const statements = Array.from({ length: MANY }, (_, at) => `CREATE TABLE small_${at} (id int)`)
  for (const [at, text] of statements.entries()) {
    const own = join(directory, `20260101T${String(at).padStart(6, '0')}Z_small`)
    mkdirSync(own, { recursive: true })
    writeFileSync(join(own, 'up.sql'), `-- holdfast: irreversible\n${text}`)
  }
  const theirs = join(folder, 'theirs')
  mkdirSync(theirs, { recursive: true })
  for (const [at, text] of statements.entries())
    writeFileSync(
      join(theirs, `${1_700_000_000_000 + at}_small.sql`),
      `-- Up Migration\n${text};\n-- Down Migration\n`,
    )
  const onFresh = async (work: (url: string) => Promise<unknown>): Promise<number> => {
    const database = await createTestDatabase(serverUrl)
    try {
      return await timed(() => work(database.url))
    } finally {
      await database.drop()
    }
  }
  const results = await interleave(Math.min(3, ROUNDS), {
    holdfast: () =>
      onFresh(async (url) => {
        await installSchema(url, 'holdfast', {})
        await migrateUp({ url, directory, history: userHistory('holdfast') })
      }),
    'node-pg-migrate': () =>
      onFresh((url) =>
        runner({
          databaseUrl: url,
          dir: theirs,
          direction: 'up',
          migrationsTable: 'pgmigrations',
          singleTransaction: false,
          log: () => {},
          count: Infinity,
        }),
      ),
    Kysely: () =>
      onFresh(async (url) => {
        const db = new Kysely<unknown>({
          dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: 2 }) }),
        })
        const migrations = Object.fromEntries(
          statements.map((text, at) => [
            String(at).padStart(6, '0'),
            {
              up: (to: Kysely<unknown>) =>
                sql
                  .raw(text)
                  .execute(to)
                  .then(() => {}),
            },
          ]),
        )
        await new Migrator({ db, provider: { getMigrations: async () => migrations } }).migrateToLatest()
        await db.destroy()
      }),
  })
  return {
    migrations: MANY,
    'holdfast ms': spread(results.holdfast),
    'node-pg-migrate ms': spread(results['node-pg-migrate']),
    'Kysely ms (all in one transaction)': spread(results.Kysely),
    'node-pg-migrate / holdfast': ratios(results['node-pg-migrate'], results.holdfast),
  }
}

const server = await startTestServer()
try {
  const database = await createTestDatabase(server.url)
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query(FIXTURE)
  const catalog = await readCatalog(client)
  await client.end()
  const found = await compareVerdicts(catalog)
  const speed = await lintSpeed(catalog)
  const runners = await runnerSpeed(server.url)
  for (const [name, { of, missed, falseAlarms }] of Object.entries(found))
    console.log(
      `${name}: of ${of} statements ${missed.length} unsafe ones missed, ${falseAlarms.length} safe ones flagged`,
    )
  console.log(JSON.stringify({ speed, runners }, null, 2))
  writeFileSync(
    new URL('results/migrate.json', import.meta.url),
    `${JSON.stringify({ machine: machine(), verdicts: found, speed, runners }, null, 2)}\n`,
  )
} finally {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}
