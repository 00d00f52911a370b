/** `holdfast partition` as somebody at a terminal meets it. */
import { expect, test } from 'vitest'
import { type CliRun, runCli } from '../support/cli.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const cwd = scratch('partitions')
const run = (...args: string[]): Promise<CliRun> =>
  runCli(['partition', ...args], { cwd, env: { DATABASE_URL: database.url } })
const json = ({ stdout }: CliRun): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>

test('from a table under upkeep to its last month, each with its exit code and its next step', async () => {
  await queryAt(database.url, 'CREATE TABLE logs (at timestamptz NOT NULL) PARTITION BY RANGE (at)')
  expect(await run('maintain')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('No table is kept yet.'),
    stderr: expect.stringContaining('partition manage'),
  })
  expect(await run('list', 'logs')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Not under upkeep.'),
  })
  expect(
    await run('manage', 'logs', '--every', 'month', '--premake', '2', '--keep', '1', '--retention', 'drop'),
  ).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('Next: holdfast partition maintain logs'),
  })
  expect(await run('maintain')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/public\.logs: made (logs_\d{4}_\d\d(, )?){3}\. Only 2 ahead/),
  })
  await queryAt(
    database.url,
    "CREATE TABLE logs_old PARTITION OF logs FOR VALUES FROM ('2020-01-01Z') TO ('2020-02-01Z')",
  )
  expect(await run('retain', '--dry-run')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('1 partition would be dropped: logs_old'),
    stderr: expect.stringContaining('Next: holdfast partition retain'),
  })
  expect(await run('retain', 'logs')).toMatchObject({
    stdout: expect.stringContaining('1 partition dropped: logs_old'),
  })
  expect(
    await queryAt(database.url, "SELECT details FROM holdfast.operations WHERE action = 'partitions.drop'"),
  ).toEqual([{ details: { dropped: ['logs_old'] } }])
  expect(json(await run('list', 'logs', '--json'))).toMatchObject({
    version: 1,
    table: 'public.logs',
    ahead: 2,
    policy: { every: 'month', keep: 1, retention: 'drop', last_error: null },
    partitions: [{ from: expect.stringMatching(/-01 00:00:00\+00$/), rows: 0, state: 'attached' }, {}, {}],
  })
  await queryAt(
    database.url,
    `CREATE TABLE logs_rest PARTITION OF logs DEFAULT; CREATE RULE too AS ON DELETE TO logs_rest DO ALSO SELECT 1;
       INSERT INTO logs (at) VALUES (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '3 months 1 day')`,
  )
  await run('manage', 'logs', '--every', 'month', '--premake', '3')
  expect(await run('maintain', 'logs')).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(
      /the rule too hangs on them\. \[HF_PARTITION_DEFAULT\]\n.*nothing to make\. Only 2 ahead\.\n/,
    ),
  })
  expect((await run('list', 'logs')).stdout).toContain('The last run failed:')
})

test('a table is planned, converted, split, undone and archived, each step with the next', async () => {
  await queryAt(
    database.url,
    `CREATE TABLE visits (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL, who text UNIQUE);
     INSERT INTO visits (at, who) SELECT now() - n * interval '20 days', 'w' || n FROM generate_series(0, 9) n`,
  )
  const wishes = ['visits', '--by', 'at', '--every', 'month']
  const blocked = await run('plan', ...wishes)
  expect(blocked).toMatchObject({
    code: 3,
    stdout: expect.stringContaining('--accept unique:visits_who_key'),
  })
  expect(await run('convert', ...wishes, '--yes')).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('HF_PARTITION_BLOCKED'),
  })
  const agreed = [...wishes, '--accept', 'unique:visits_who_key']
  const plan = json(await run('plan', ...agreed, '--json'))
  expect(plan).toMatchObject({ version: 1, table: 'public.visits', mode: 'attach', in_the_way: [] })
  expect(await run('plan', ...agreed)).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(`--accept unique:visits_who_key --plan ${String(plan.plan)}`),
  })
  expect(await run('plan', ...wishes, '--mode', 'split')).toMatchObject({
    stdout: expect.stringMatching(
      /Then the rows of visits_legacy go into \d+ partitions? from [\s\S]*\d+\. copy/i,
    ),
  })
  expect(await run('convert', ...agreed)).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('HF_CLI_CONFIRMATION'),
  })
  expect(await run('convert', ...agreed, '--plan', 'of yesterday')).toMatchObject({ code: 5 })
  expect(await run('convert', ...agreed, '--plan', String(plan.plan))).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('public.visits is in partitions: its rows are in visits_legacy.'),
    stderr: expect.stringMatching(
      /index: .*\n.*parent: [\s\S]*swap: [\s\S]*Next: holdfast partition list visits/,
    ),
  })
  expect(await run('plan', ...wishes)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('HF_PARTITION_CONVERTED'),
  })
  expect(await run('convert', 'visits', '--every', 'month', '--mode', 'split', '--yes')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/history, too[\s\S]*can be undone until/),
  })
  expect(json(await run('status', 'visits', '--json'))).toMatchObject({
    conversions: [
      { kind: 'split', state: 'done', step: 'tidy', rows_done: 10 },
      { kind: 'attach', state: 'done' },
    ],
  })
  expect(await run('resume', 'visits')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('is in partitions'),
  })
  const { partitions } = json(await run('list', 'visits', '--json')) as { partitions: { name: string }[] }
  const oldest = partitions[1]?.name as string
  const archived = await run('archive', 'visits', '--to', 'kept', '--partition', oldest)
  expect(archived).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`1 partition dropped: ${oldest}`),
  })
  const manifest = /Next: holdfast partition restore-archive visits (\S+)/.exec(
    archived.stderr,
  )?.[1] as string
  expect(await run('restore-archive', 'visits', manifest)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`${oldest} is a partition of public.visits again`),
  })
  expect(await queryAt(database.url, 'SELECT count(*)::int AS rows FROM visits')).toEqual([{ rows: 10 }])
  expect(await run('undo', 'visits')).toMatchObject({ code: 5 })
  expect(await run('undo', 'visits', '--yes')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('is in visits_legacy again'),
  })
  expect(await run('abort', 'visits', '--yes')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('HF_PARTITION_NOT_OPEN'),
  })
})

test('what makes no sense is said at once', async () => {
  for (const [args, code, says] of [
    [['list', 'nothing'], 1, 'HF_PARTITION_TABLE'],
    [['manage', 'logs', '--every', 'week'], 2, '--every'],
    [['manage', 'logs', '--every', '10'], 2, 'HF_PARTITION_EVERY'],
    [['manage', 'logs', '--every', 'day', '--keep', '0'], 2, '--keep'],
    [['manage', 'logs', '--every', 'day', '--retention', 'burn'], 2, '--retention'],
    [['manage', 'logs'], 2, '--every'],
    [['manage', 'logs', '--every', 'day', '--retention', 'archive'], 2, '--archive-to'],
    [['plan', 'logs', '--every', 'day'], 2, '--by'],
    [['plan', 'logs', '--by', 'at', '--every', 'day', '--mode', 'both'], 2, '--mode'],
    [['plan', 'nothing', '--by', 'at', '--every', 'day'], 1, 'HF_PARTITION_TABLE'],
    [['resume', 'logs'], 1, 'HF_PARTITION_NO_CONVERSION'],
  ] as const) {
    const seen = await run(...args)
    expect(seen, args.join(' ')).toMatchObject({ code, stderr: expect.stringContaining(says) })
  }
})
