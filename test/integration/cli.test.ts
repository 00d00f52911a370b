import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { buildProgram } from '../../src/cli/main.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { type CliRun, runCli, RunningCli, spawnCli } from '../support/cli.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'
import { startServer } from '../support/servers.ts'

/** Of Holdfast's own schema. */
const OWN_TABLES =
  'alert_deliveries alert_silences alerts backfills contract_uses history_hours history_minutes history_ten_minutes migration_history migration_history_steps operations partition_conversions partition_removals partitioned_tables schema_history schema_history_steps statement_texts'.split(
    ' ',
  )

removeScratchAfterwards()
const database = useDatabase()
let cwd: string
beforeAll(() => {
  cwd = scratch('cli')
})

const run = (args: string, env: Record<string, string> = {}): Promise<CliRun> =>
  runCli(args.split(' '), { cwd, env: { DATABASE_URL: database.url, ...env } })

const json = ({ stdout }: CliRun): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>

function withUrl(change: (url: URL) => void): string {
  const url = new URL(database.url)
  change(url)
  return url.href
}

describe('bad input gives a coded error, the right exit code, and no stack trace', () => {
  test.each([
    ['a wrong URL', () => ({ DATABASE_URL: 'mysql://x' }), 'HF_OPTION_INVALID', 2],
    [
      'a wrong password',
      () => ({ DATABASE_URL: withUrl((url) => (url.password = 'wrong')) }),
      'HF_CONNECT_AUTHENTICATION',
      4,
    ],
    [
      'a missing database',
      () => ({ DATABASE_URL: withUrl((url) => (url.pathname = '/none')) }),
      'HF_CONNECT_DATABASE_MISSING',
      4,
    ],
    [
      'a server that is down',
      () => ({ DATABASE_URL: 'postgresql://x:y@127.0.0.1:1/z' }),
      'HF_CONNECT_REFUSED',
      4,
    ],
    [
      'an unknown host',
      () => ({ DATABASE_URL: 'postgresql://x:y@no-such-host.invalid/z' }),
      'HF_CONNECT_HOST_UNKNOWN',
      4,
    ],
    [
      'production without a database',
      () => ({ DATABASE_URL: '', ENVIRONMENT: 'production' }),
      'HF_CONFIG_DATABASE_URL_MISSING',
      2,
    ],
    ['a bad number', () => ({ DB_POOL_SIZE: 'many' }), 'HF_OPTION_INVALID', 2],
  ] as const)('%s', async (_what, env, code, exit) => {
    for (const command of ['status', 'serve']) {
      const result = await run(`${command} --json`, env() as Record<string, string>)
      expect(result.code).toBe(exit)
      expect(json(result)).toMatchObject({ version: 1, error: { code, message: expect.any(String) } })
      expect(result.stderr).toContain(`[${code}]`)
      expect(result.stderr).not.toMatch(/\n\s+at /)
    }
  })

  test('an unknown key in the configuration file', async () => {
    const folder = scratch('cli')
    writeFileSync(join(folder, 'holdfast.config.json'), '{ "databse": {} }')
    const result = await runCli(['config', 'show'], { cwd: folder })
    expect(result).toMatchObject({ code: 2, stdout: '' })
    expect(result.stderr).toContain('Did you mean "database"? [HF_OPTION_UNKNOWN]')
  })

  test('a port that is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as { port: number }
    const result = await run(`serve --port ${port}`)
    expect(result.code).toBe(1)
    expect(result.stderr).toContain('[HF_ADMIN_PORT_TAKEN]')
    taken.close()
  })

  test('usage: a typo gets a suggestion, a wrong flag its name', async () => {
    expect(await run('statsu')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Did you mean status?'),
    })
    expect(await run('status --nonsense')).toMatchObject({ code: 2 })
    expect(await run('serve --port x')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('[HF_CLI_USAGE]'),
    })
    expect(await run('completion tcsh')).toMatchObject({ code: 2 })
    expect(json(await run('migrate nope --json'))).toMatchObject({
      version: 1,
      error: { code: 'HF_CLI_USAGE' },
    })
    const bare = await run('migrate')
    expect(bare.code).toBe(2)
  })

  test('a stack trace is shown when it is asked for', async () => {
    expect((await run('status --stack', { DATABASE_URL: 'mysql://x' })).stderr).toMatch(/\n\s+at /)
  })

  test('a password on the command line is refused, elsewhere it is fine and never shown', async () => {
    const refused = await run(`status --database-url ${database.url}`, { DATABASE_URL: '' })
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('[HF_CLI_PASSWORD_IN_FLAG]') })
    const { password } = new URL(database.url)
    const bare = withUrl((url) => (url.password = ''))
    const allowed = await run(`status --json --database-url ${bare}`, {
      DATABASE_URL: 'postgresql://elsewhere/x',
      PGPASSWORD: password,
    })
    expect(json(allowed)).toMatchObject({ database: database.name })
    const stdin = await spawnCli(['status', '--json', '--database-url-file', '-'], {
      cwd,
      input: `${database.url}\n`,
    })
    expect(json(stdin)).toMatchObject({ database: database.name })
    for (const { stdout, stderr } of [refused, allowed, stdin])
      expect(stdout + stderr).not.toContain(password)
    expect(await run('status --database-url-file /nowhere')).toMatchObject({ code: 2 })
  })
})

describe('a new database', () => {
  test('from doctor to doctor: every problem has its next step, and the steps work', async () => {
    // What others do on the shared server is told of, too.
    const server = await startServer()
    onTestFinished(() => server.stop())
    const own = await createTestDatabase(server.url)
    const folder = scratch('cli')
    const go = (args: string): Promise<CliRun> =>
      runCli(args.split(' '), { cwd: folder, env: { DATABASE_URL: own.url } })

    const first = await go('doctor --json')
    expect(first.code).toBe(3)
    expect(
      (json(first).findings as { check: string; action: string; sql: string | null }[]).map(
        ({ check, action, sql }) => [check, sql ?? action],
      ),
    ).toEqual([
      ['statement-statistics', 'CREATE EXTENSION pg_stat_statements;'],
      ['own-schema', 'holdfast init'],
    ])
    expect(await go('migrate status')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('"holdfast init"'),
    })

    const init = await go('init --json')
    expect(init.code).toBe(0)
    expect(json(init)).toMatchObject({
      ran: [
        /_operations$/,
        /_backfills$/,
        /_contract_uses$/,
        /_partitioned_tables$/,
        /_partition_conversions$/,
        /_partition_removals$/,
        /_monitoring_history$/,
        /_alerts$/,
        /_trusted_records$/,
      ].map((name) => expect.stringMatching(name)),
      files: ['holdfast.config.ts', '.env.example'],
    })
    expect(json(await go('init --json'))).toMatchObject({ ran: [], files: [] })
    expect(readFileSync(join(folder, '.env.example'), 'utf8')).toContain('# DATABASE_URL=')
    const client = new pg.Client({ connectionString: own.url })
    await client.connect()
    await client.query('CREATE EXTENSION pg_stat_statements')

    mkdirSync(join(folder, 'db/migrations/20260101T000000Z_first'), { recursive: true })
    writeFileSync(
      join(folder, 'db/migrations/20260101T000000Z_first/up.sql'),
      'CREATE TABLE first (n int PRIMARY KEY);',
    )
    writeFileSync(join(folder, 'db/migrations/20260101T000000Z_first/down.sql'), 'DROP TABLE first;')
    expect(await go('doctor')).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('holdfast migrate up'),
    })
    expect(json(await go('status --json'))).toMatchObject({
      schema: 'current',
      pending_migrations: ['20260101T000000Z_first'],
    })
    expect(json(await go('migrate up --dry-run --json'))).toMatchObject({
      dry_run: true,
      ran: ['20260101T000000Z_first'],
    })
    expect(await go('migrate up')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('1 migration applied to'),
    })
    expect(json(await go('migrate status --json'))).toMatchObject({
      migrations: [{ id: '20260101T000000Z_first', state: 'applied' }],
    })
    const good = await go('doctor --json')
    expect(good.code).toBe(0)
    expect(json(good)).toMatchObject({ findings: [] })

    expect(await go('reset')).toMatchObject({
      code: 5,
      stderr: expect.stringContaining(`--confirm=${own.name}`),
    })
    expect(await go('reset --confirm=wrong')).toMatchObject({ code: 5 })
    expect(json(await go('reset --dry-run --json'))).toMatchObject({
      removed: false,
      tables: OWN_TABLES,
    })
    expect(json(await go(`reset --json --confirm=${own.name}`))).toMatchObject({ removed: true })
    expect(
      (
        await client.query(
          "SELECT to_regclass('first') IS NOT NULL AS kept, to_regnamespace('holdfast') AS ours",
        )
      ).rows,
    ).toEqual([{ kept: true, ours: null }])
    await client.end()
  })
})

describe('a folder that cannot be written to', () => {
  test('stops no server that has its database elsewhere', async () => {
    const folder = scratch('cli')
    writeFileSync(join(folder, '.holdfast'), 'a file where the folder should be')
    const serve = new RunningCli(['serve'], { cwd: folder, env: { DATABASE_URL: database.url } })
    const [, url = ''] = await serve.waitFor(/Holdfast (http:\S+)/)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    await serve.waitFor(/token file could not be written/)
    expect(await serve.stop()).toMatchObject({ code: 0 })
  })

  test('is a coded error for one that needs it', async () => {
    const folder = scratch('cli')
    writeFileSync(join(folder, '.holdfast'), 'a file where the folder should be')
    expect(await runCli(['status'], { cwd: folder })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('[HF_EMBEDDED_FOLDER]'),
    })
  })
})

test('output that nobody reads to its end is no crash', async () => {
  const { execFileSync } = await import('node:child_process')
  const bin = fileURLToPath(new URL('../../src/cli/bin.ts', import.meta.url))
  const shell = execFileSync(
    'bash',
    ['-c', `set -o pipefail; "${process.execPath}" "${bin}" openapi 2>&1 | head -1`],
    { cwd, encoding: 'utf8' },
  )
  expect(shell).toBe('{\n')
})

describe('words and numbers', () => {
  test('go to stdout as data and to stderr as messages; no colour without a terminal', async () => {
    const result = await spawnCli(['status'], { cwd, env: { DATABASE_URL: database.url } })
    expect(result).toMatchObject({ code: 0, stderr: 'Next: holdfast doctor\n' })
    expect(result.stdout).toContain('PostgreSQL 18')
    // oxlint-disable-next-line no-control-regex -- colour is exactly what must not be there
    expect(result.stdout + result.stderr).not.toMatch(/\u001b\[/)
    // Begun by npm, whose programs are on nobody's path.
    const coloured = await spawnCli(['status'], {
      cwd,
      env: { DATABASE_URL: database.url, FORCE_COLOR: '1', npm_execpath: '/npm-cli.js' },
    })
    expect(coloured.stderr).toContain('Next: npx holdfast doctor')
    // oxlint-disable-next-line no-control-regex -- and here it must
    expect(coloured.stdout).toMatch(/\u001b\[/)
  })

  test('config show masks secrets and names sources', async () => {
    const result = await run('config show --json', {
      FIELD_ENCRYPTION_KEY: 'c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0',
    })
    const options = json(result).options as { name: string; value: unknown; source: string }[]
    expect(options.find(({ name }) => name === 'database.url')).toMatchObject({
      value: expect.stringContaining(':***@'),
      source: 'environment DATABASE_URL',
    })
    expect(options.find(({ name }) => name === 'encryption.keys')?.value).toBe('***')
    expect(result.stdout).not.toContain(new URL(database.url).password)
    expect(await run('config validate')).toMatchObject({ code: 0 })
    expect(await run('config validate', { HOLDFAST_ADMIN_PROT: '1' })).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('HOLDFAST_ADMIN_PORT'),
    })
  })

  test('version and help work without a database, help begins with examples', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    expect(json(await run('version --json', { DATABASE_URL: '' }))).toEqual({
      version: 1,
      holdfast: version,
      node: process.version,
    })
    expect((await run('--help')).stdout).toMatch(/^Examples:/)
  })

  test('completion knows every command', async () => {
    const names = buildProgram(() => {}).commands.map((command) => command.name())
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { code, stdout } = await run(`completion ${shell}`)
      expect(code).toBe(0)
      for (const name of names) expect(stdout).toContain(name)
    }
    const bash = await run('completion bash')
    const { execFileSync } = await import('node:child_process')
    const completed = execFileSync(
      'bash',
      [
        '-c',
        `${bash.stdout}\nCOMP_WORDS=(holdfast migrate u); COMP_CWORD=2; _holdfast; echo "\${COMPREPLY[@]}"`,
      ],
      { encoding: 'utf8' },
    )
    expect(completed.trim()).toBe('up unlock')
  })
})
