/** Every point of a run at which the runner or the server can die. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { installSchema, migrateHistory, migrateStatus, migrateUp, repair } from '../../src/migrate/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { MigrationFolder, stepwise } from '../support/migration-folder.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'
import { startServer } from '../support/servers.ts'

removeScratchAfterwards()
const VICTIM = fileURLToPath(new URL('../support/migrate-victim.ts', import.meta.url))
let server: EmbeddedServer

beforeAll(async () => {
  // A server of its own: it is killed many times.
  server = await startServer()
})
afterAll(async () => {
  await server.stop()
})

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {}) // the server is being killed
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

/** One of the server's own processes, which is another after it has restarted itself. */
const checkpointerOf = async (url: string): Promise<unknown> =>
  (await query(url, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"))[0]?.pid

/** Ends the server the hard way: it restarts itself when one of its processes is killed. @returns when it has */
async function killServer(url: string): Promise<() => Promise<void>> {
  const before = await checkpointerOf(url)
  const [row] = await query(
    url,
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'holdfast migrate'",
  )
  process.kill(row?.pid as number, 'SIGKILL')
  // It may still answer for a moment, before it has noticed.
  return () =>
    expect
      .poll(() => checkpointerOf(url).catch(() => before), { interval: 20 })
      .not.toBeOneOf([before, undefined])
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

/** Every kind of statement, each such that running it twice, or not at all, shows. */
function mixedSet(url: string, database: string): MigrationFolder {
  const folder = new MigrationFolder(url)
  folder.add({
    'up.sql': `
      CREATE TYPE mood AS ENUM ('calm');
      CREATE TABLE items (id int PRIMARY KEY, part int NOT NULL, runs int NOT NULL DEFAULT 0, size int);
      INSERT INTO items SELECT n, n % 7, 0, n FROM generate_series(1, 500) n;
      CREATE INDEX items_old ON items (part);
      CREATE MATERIALIZED VIEW sizes AS SELECT size FROM items;
      CREATE UNIQUE INDEX sizes_size ON sizes (size);
      CREATE TABLE logs (at int NOT NULL) PARTITION BY RANGE (at);
      CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (0) TO (10);
      CREATE TABLE logs_2 (at int NOT NULL CHECK (at >= 10 AND at < 20))`,
    'down.sql': 'SELECT 1',
  })
  folder.add({
    'up.sql': stepwise(`
      SET work_mem = '8MB';
      CREATE INDEX CONCURRENTLY items_size ON items (size);
      UPDATE items SET runs = runs + 1;
      ALTER TABLE items ADD CONSTRAINT size_positive CHECK (size > 0) NOT VALID;
      ALTER TABLE items VALIDATE CONSTRAINT size_positive;
      DROP INDEX CONCURRENTLY items_old;
      REINDEX INDEX CONCURRENTLY items_size;
      ALTER TYPE mood ADD VALUE 'stormy';
      ALTER TABLE logs ATTACH PARTITION logs_2 FOR VALUES FROM (10) TO (20);
      ALTER TABLE logs DETACH PARTITION logs_1 CONCURRENTLY;
      VACUUM items;
      REFRESH MATERIALIZED VIEW CONCURRENTLY sizes;
      CREATE DATABASE ${database};
      DROP DATABASE ${database};
      DO $$ BEGIN UPDATE items SET runs = runs + 1; COMMIT; UPDATE items SET runs = runs + 1; END $$;
      INSERT INTO items VALUES (501, 1, 3, current_setting('work_mem') = '8MB' AND true = true AND 1 = 1 OR NULL)`).replace(
      "current_setting('work_mem') = '8MB' AND true = true AND 1 = 1 OR NULL",
      "CASE current_setting('work_mem') WHEN '8MB' THEN 501 ELSE -1 END",
    ),
  })
  folder.add({
    'up.sql': 'ALTER TABLE items ADD COLUMN fills int NOT NULL DEFAULT 0',
    'down.sql': 'ALTER TABLE items DROP COLUMN fills',
    'backfill.ts': `export default {
        table: 'items', key: 'id', batchRows: 100, batch: 'UPDATE items SET fills = fills + 1 WHERE id = ANY ($1)' }`,
    'validate.ts': `export default async ({ query }) => {
        const { rows } = await query('SELECT id FROM items WHERE fills <> 1')
        return rows.map(({ id }) => 'item ' + id)
      }`,
  })
  folder.add({
    'up.ts': `// holdfast: irreversible
      export default async ({ query }) => {
        const { rows } = await query('SELECT count(*)::int AS count FROM items')
        await query('INSERT INTO items VALUES ($1, 2, 3, $1, 1)', [rows[0].count + 1])
      }`,
    'validate.ts': `export default async ({ query }) => {
        const { rows } = await query('SELECT id FROM items WHERE runs <> 3')
        return rows.map(({ id }) => 'item ' + id)
      }`,
  })
  return folder
}

/**
 * Points at which they die. In full every one; otherwise one of each kind of statement, before it or behind it in turn,
 * the first and the last of what runs in one transaction, and of the batches of a backfill.
 */
function pointsOf({ ids }: MigrationFolder): string {
  if (isFull) return ''
  const [script, steps, backfill, program] = ids
  return `^(statement ${script} [19]|statement ${steps} \\d*[13579]|finished ${steps} (\\d*[02468]|15)|backfill ${backfill} [15]00|\\w+ ${program} .*)$`
}

/** Runs until the victim reaches the next point; then kills it, or the server under it. */
async function crashOnce(
  folder: MigrationFolder,
  passed: readonly string[],
  victim: 'runner' | 'server',
): Promise<string> {
  const goOn = join(scratch('go-on'), 'file')
  const child = spawn(
    process.execPath,
    [VICTIM, JSON.stringify({ target: folder.target, passed, points: pointsOf(folder), goOn })],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const lines = createInterface({ input: child.stdout })
  const [point] = (await once(lines, 'line')) as [string]
  let restarted = async (): Promise<void> => {}
  if (point !== 'through' && !point.startsWith('failed')) {
    if (victim === 'runner') child.kill('SIGKILL')
    else {
      restarted = await killServer(folder.target.url)
      writeFileSync(goOn, '')
    }
  }
  await endOf(child)
  await restarted()
  return point
}

/** Here in turn; `npm run stress:crash` kills each of them at every point. */
const isFull = process.env.HOLDFAST_TEST_FULL === '1'
const VICTIMS = isFull ? (['runner', 'server'] as const) : (['either'] as const)

describe.each(VICTIMS)('kill -9 of the %s at every statement', (victim) => {
  test('up completes afterwards or asks with a code, and the history tells the truth', async () => {
    const database = await createTestDatabase(server.url)
    await installSchema(database.url, 'holdfast', {})
    const folder = mixedSet(database.url, `made_by_${victim}`)
    const passed: string[] = []
    const questions: string[] = []
    for (;;) {
      const turn = passed.length % 2 === 0 ? 'runner' : 'server'
      const point = await crashOnce(folder, passed, victim === 'either' ? turn : victim)
      if (point === 'through') break
      if (point === 'failed HF_MIGRATE_STEP_UNKNOWN') {
        const last = passed.at(-1) as string
        questions.push(last)
        const [kind, id = '', step] = last.split(' ')
        const mark = kind === 'statement' ? 'pending' : 'done'
        await repair(folder.target, id, { step: Number(step), mark, reason: 'looked' })
        continue
      }
      expect(point).toMatch(/^(statement|finished|backfill) /)
      passed.push(point)
    }
    // In full 9 + 15 (SET tells nothing) + 1 + 1 statements, before and behind each, and six batches.
    expect(passed.length).toBeGreaterThanOrEqual(isFull ? 56 : 20)
    expect(questions.map((point) => point.split(' ')[2])).toEqual(['15'])
    expect(await migrateUp(folder.target)).toEqual([])
    const status = await migrateStatus(folder.target)
    expect(status.map(({ state }) => state)).toEqual(['applied', 'applied', 'applied', 'applied'])
    const history = await migrateHistory(folder.target)
    expect(history.filter(({ status: one }) => one === 'applied')).toHaveLength(4)
    expect(history.find(({ migrationId }) => migrationId === status[1]?.id)?.statements).toHaveLength(16)
    await expectWholeState(database.url, `made_by_${victim}`)
    await database.drop()
  })
})

async function expectWholeState(url: string, made: string): Promise<void> {
  expect(await query(url, 'SELECT DISTINCT runs FROM items')).toEqual([{ runs: 3 }])
  expect(await query(url, 'SELECT id, size FROM items WHERE id > 500 ORDER BY id')).toEqual([
    { id: 501, size: 501 },
    { id: 502, size: 502 },
  ])
  const indexes = await query(
    url,
    `SELECT c.relname AS name, i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      WHERE i.indrelid IN ('items'::regclass, 'sizes'::regclass) ORDER BY 1`,
  )
  expect(indexes).toEqual([
    { name: 'items_pkey', valid: true },
    { name: 'items_size', valid: true },
    { name: 'sizes_size', valid: true },
  ])
  expect(await query(url, "SELECT convalidated FROM pg_constraint WHERE conname = 'size_positive'")).toEqual([
    { convalidated: true },
  ])
  expect(
    await query(
      url,
      'SELECT inhrelid::regclass::text AS child FROM pg_inherits WHERE inhparent = $$logs$$::regclass',
    ),
  ).toEqual([{ child: 'logs_2' }])
  expect(await query(url, 'SELECT enum_range(NULL::mood)::text AS moods')).toEqual([
    { moods: '{calm,stormy}' },
  ])
  expect(await query(url, `SELECT FROM pg_database WHERE datname = '${made}'`)).toEqual([])
  expect(await query(url, 'SELECT FROM holdfast.migration_history_steps')).toEqual([])
}
