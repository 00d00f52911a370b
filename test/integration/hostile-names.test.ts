/** Objects whose names a terminal would obey: no command of ours passes that on, and no name begins a line of its own. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { table } from '../../src/cli/output.ts'
import { pasteable, quoteIdentifier } from '../../src/core/index.ts'
import { runCli } from '../support/cli.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { FORGED, hostileObjects, terminalName } from '../support/hostile-names.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const project = scratch('project')
const name = (letter: string): string => quoteIdentifier(terminalName(letter))
let role = ''
const held: pg.Client[] = []

/** Commands with the hostile names as their arguments, too. */
const COMMANDS: readonly (readonly string[])[] = [
  ['status'],
  ['doctor'],
  ['doctor', '--production', '--deep', '--why'],
  ['doctor', '--full'],
  ['doctor', '--full', '--format', 'markdown'],
  ['doctor', '--digest', 'quarterly'],
  ['top', '--once', '--interval', '0.2'],
  ['query', 'top'],
  ['activity', 'list'],
  ['activity', 'locks'],
  ['table', 'list'],
  ['table', 'show', `public.${name('u')}`],
  ['table', 'show', `public.${name('missing')}`],
  ['table', 'bloat'],
  ['table', 'optimize', '--dry-run'],
  ['table', 'optimize', `public.${name('u')}`],
  ['metrics'],
  ['alert', 'list'],
  ['alert', 'silence', terminalName('x'), '--for', '1h', '--reason', terminalName('y')],
  ['alert', 'silences'],
  ['access', 'plan'],
  ['schema', 'dump'],
  ['migrate', 'status'],
  ['migrate', 'plan'],
  ['migrate', 'lint'],
  ['migrate', 'up'],
  ['migrate', 'history'],
  ['rollback', 'plan', '--count', '1'],
  ['schema', 'drift', '--against', 'migrations'],
  ['partition', 'manage', `public.${name('p')}`, '--every', 'day', '--keep', '1', '--retention', 'drop'],
  ['partition', 'maintain', `public.${name('p')}`],
  ['partition', 'list'],
  ['partition', 'list', `public.${name('p')}`],
  ['partition', 'retain', `public.${name('p')}`],
  ['partition', 'plan', `public.${name('u')}`, '--by', terminalName('c'), '--every', '100'],
  ['partition', 'plan', `${name('s')}.${name('t')}`, '--by', terminalName('nothing'), '--every', 'day'],
  ['partition', 'status'],
  ['partition', 'unmanage', `public.${name('p')}`],
  ['session', 'list', '--server', 'http://127.0.0.1:1'],
]

beforeAll(async () => {
  role = terminalName(`r${database.name.slice(-8)}`).slice(0, 40)
  await queryAt(database.url, hostileObjects(terminalName, role))
  const folder = join(project, 'db/migrations/20260101T000001Z_first')
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'up.sql'),
    `CREATE TABLE public.${name('z')} (n int);\nCREATE INDEX ${name('y')} ON public.${name('u')} (${name('c')});\n`,
  )
  writeFileSync(join(folder, 'down.sql'), `DROP INDEX ${name('y')}; DROP TABLE public.${name('z')};\n`)
  // One that waits for the other, under the hostile role.
  const address = new URL(database.url)
  for (const [index, [user, password]] of [
    [address.username, address.password],
    [encodeURIComponent(role), 'hostile'],
  ].entries()) {
    ;[address.username, address.password] = [user as string, password as string]
    const client = new pg.Client({ connectionString: address.href, application_name: terminalName('a') })
    client.on('error', () => {})
    await client.connect()
    held[index] = client
  }
  await held[0]?.query(`BEGIN; UPDATE public.${name('u')} SET ${name('f')} = 1 WHERE ${name('c')} = 1`)
  void held[1]
    ?.query(`UPDATE public.${name('u')} SET ${name('f')} = 1 WHERE ${name('c')} = 1`)
    .catch(() => {})
})
afterAll(async () => {
  await held[0]?.query('ROLLBACK')
  for (const client of held) await client.end()
  await queryAt(
    database.url,
    `REASSIGN OWNED BY ${quoteIdentifier(role)} TO current_user; DROP OWNED BY ${quoteIdentifier(role)}; DROP ROLE ${quoteIdentifier(role)}`,
  )
})

/** What a terminal would obey, but for colours, which no test's output has, and for line breaks. */
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const OBEYED = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/

describe('commands', () => {
  test.each(COMMANDS)('holdfast %s %s %s %s', async (...args) => {
    const run = await runCli([...args], { cwd: project, env: { DATABASE_URL: database.url } })
    for (const text of [run.stdout, run.stderr])
      expect(OBEYED.exec(text)?.[0] ?? null, text.slice(0, 2_000)).toBeNull()
    const forged = (text: string, indent: RegExp): string[] =>
      text.split('\n').filter((line) => line.replace(indent, '').startsWith(FORGED))
    // SQL is as it is: a dump is run, not looked at.
    if (args[0] !== 'schema' || args[1] !== 'dump')
      expect(forged(run.stdout, /^\s*/), run.stdout.slice(0, 3_000)).toEqual([])
    // What an error says further stands behind its beginning.
    expect(forged(run.stderr, /^/), run.stderr.slice(0, 3_000)).toEqual([])
    expect(run.stderr).not.toContain('--stack')
  })

  test.each(COMMANDS.filter(([first]) => first !== 'metrics' && first !== 'top'))(
    'as JSON the names are whole: holdfast %s %s %s',
    async (...args) => {
      const run = await runCli([...args, '--json'], { cwd: project, env: { DATABASE_URL: database.url } })
      expect(run.stdout.trim().split('\n')).toHaveLength(1)
      expect(JSON.parse(run.stdout)).toMatchObject({ version: 1 })
    },
  )
})

test('SQL to be pasted does with its escapes what it says', async () => {
  const sql = `CREATE TABLE public.${name('w')} (${name('c')} text DEFAULT 'a\u001B\\b', n text DEFAULT E'a\u001B\\\\b')`
  const shown = pasteable(sql)
  expect(OBEYED.test(shown)).toBe(false)
  await queryAt(database.url, shown)
  const [made] = await queryAt(database.url, `INSERT INTO public.${name('w')} DEFAULT VALUES RETURNING *`)
  expect(made).toEqual({ [terminalName('c')]: 'a\u001B\\b', n: 'a\u001B\\b' })
})

test('a table is as wide as what it shows, and one line for each row', () => {
  const lines = table(
    ['a', 'b'],
    [
      ['x\ny', 1],
      ['z', 22],
    ],
  )
  expect(lines.slice(1)).toEqual(['x y   1', 'z    22'])
})
