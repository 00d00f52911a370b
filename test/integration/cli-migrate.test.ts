/** Migrations at the terminal, as somebody meets them: exit codes, JSON, the next command. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type CliRun, runCli } from '../support/cli.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
let cwd: string | undefined
const folder = (): string => (cwd ??= scratch('project'))

const go = (args: string, env: Record<string, string> = {}): Promise<CliRun> =>
  runCli(args.split(' '), { cwd: folder(), env: { DATABASE_URL: database.url, ...env } })
const json = ({ stdout }: CliRun): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>
const migrations = (): string[] => readdirSync(join(folder(), 'db/migrations'))
const write = (id: string, file: string, text: string): void =>
  writeFileSync(join(folder(), 'db/migrations', id, file), text)

describe('a project from its first migration on', () => {
  test('new, lint, up, snapshot, drift and the way back', async () => {
    mkdirSync(folder(), { recursive: true })
    expect(await go('migrate new Create users')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('migrate lint'),
    })
    const [first = ''] = migrations()
    expect(first).toMatch(/^\d{8}T\d{6}Z_create_users$/)
    write(first, 'up.sql', 'CREATE TABLE users (id int PRIMARY KEY, name text);')
    write(first, 'down.sql', 'DROP TABLE users;')
    expect(await go('migrate lint --json')).toMatchObject({ code: 0 })
    expect(json(await go('migrate up --json'))).toMatchObject({ ran: [first] })
    const snapshot = readFileSync(join(folder(), 'db/snapshot.json'), 'utf8')
    expect(snapshot).toContain('{"kind":"table","name":"public.users"')

    await queryAt(database.url, "INSERT INTO users VALUES (1, 'a'), (2, 'b')")
    await queryAt(database.url, 'ALTER TABLE users ADD COLUMN behind_our_back int')
    const drift = await go('schema drift --against snapshot --json')
    expect(drift.code).toBe(3)
    expect(json(drift).differences).toMatchObject([
      { kind: 'unexpected', name: 'public.users.behind_our_back' },
    ])
    await queryAt(database.url, 'ALTER TABLE users DROP COLUMN behind_our_back')
    expect(await go('schema drift --against snapshot')).toMatchObject({ code: 0 })

    const plan = json(await go('rollback plan --json'))
    expect(plan).toMatchObject({ verdict: 'lossy', rows_at_risk: 2, steps: [{ id: first }] })
    expect(await go('rollback apply --plan 0000000000000000')).toMatchObject({ code: 5 })
    expect(json(await go(`rollback apply --plan ${plan.plan} --json`))).toMatchObject({
      taken_back: [first],
      rows_lost: 2,
    })
    expect(json(await go('migrate history --json')).attempts).toMatchObject([
      { direction: 'down' },
      { direction: 'up' },
    ])
    expect(await go('migrate check')).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('is pending'),
    })
    expect(json(await go('migrate up --json'))).toMatchObject({ ran: [first] })
    expect(await go('migrate check')).toMatchObject({ code: 0 })
  })

  test('what would stop traffic ends with 3, knowing the database or not; what does not parse with 1', async () => {
    await go('migrate new index')
    const id = migrations().at(-1) as string
    write(
      id,
      'up.sql',
      '-- holdfast: irreversible\nALTER TABLE users ADD COLUMN note varchar(10);\nCREATE INDEX users_name ON users (name);',
    )
    const lint = await go('migrate lint --database --json')
    expect(lint.code).toBe(3)
    expect(json(lint)).toMatchObject({
      version: 1,
      findings: [
        {
          rule: 'create-index-not-concurrent',
          line: 3,
          severity: 'error',
          lock: 'SHARE',
          scans: true,
          rewrites: false,
          file: `db/migrations/${id}/up.sql`,
        },
      ],
    })
    expect(await go(`migrate lint db/migrations/${id} --format github`)).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(/^::error file=.*line=3,/),
    })
    expect(json(await go('migrate plan --json')).pending).toMatchObject([
      { id, in_transaction: true, statements: [{ lock: 'ACCESS EXCLUSIVE' }, { lock: 'SHARE' }] },
    ])
    write(id, 'up.sql', '-- holdfast: irreversible\nCREATE TABEL t (n int);')
    const broken = await go('migrate lint')
    expect(broken).toMatchObject({ code: 1, stderr: expect.stringContaining('up.sql:2:8') })
    expect(broken.stderr).toMatch(/CREATE TABEL t[^\n]*\n\s+\^/)
    for (const flags of ['--format xml', '--target-version 9', 'nowhere.sql', '--database --snapshot x'])
      expect(await go(`migrate lint ${flags}`), flags).toMatchObject({ code: 2 })
    expect(await go('migrate down --count -1')).toMatchObject({ code: 2 })
    write(id, 'up.sql', '-- holdfast: irreversible\nSELECT 1')
    expect(await go('migrate stamp')).toMatchObject({ code: 2 })
    expect(json(await go(`migrate stamp ${id} --reason by-hand --json`))).toMatchObject({
      stamped: [id],
      as: 'applied',
    })
    expect(await go(`migrate repair ${id} --reason nothing`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('HF_MIGRATE_NOTHING_TO_REPAIR'),
    })
    expect(await go('migrate unlock --dry-run')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('HF_MIGRATE_NO_RUNNER'),
    })
    expect(existsSync(join(folder(), 'db/snapshot.json'))).toBe(true)
  })
})

test('in a package of CommonJS init writes what Node reads, and a module taken for another is explained', async () => {
  const common = scratch('common')
  writeFileSync(join(common, 'package.json'), '{ "type": "commonjs" }')
  const inCommon = (args: string): Promise<CliRun> =>
    runCli(args.split(' '), { cwd: common, env: { DATABASE_URL: database.url } })
  expect(json(await inCommon('init --json'))).toMatchObject({
    files: ['holdfast.config.mjs', '.env.example'],
  })
  expect(await inCommon('migrate status')).toMatchObject({ code: 0 })
  const begun = join(common, 'db/migrations/20990101T000000Z_step')
  mkdirSync(begun, { recursive: true })
  const step =
    "// holdfast: irreversible\nimport { join } from 'node:path'\nexport default async () => join('a')"
  writeFileSync(join(begun, 'up.ts'), step)
  const failed = await inCommon('migrate up --allow-out-of-order')
  expect(failed.stderr).toContain('Put "type": "module" into package.json.')
})
