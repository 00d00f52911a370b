/** Ways back, looked at before they are taken. */
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { applyRollback, migrateStatus, migrateUp, planRollback } from '../../src/migrate/index.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { MigrationFolder } from '../support/migration-folder.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()

const run = (sql: string): Promise<Record<string, unknown>[]> => queryAt(database.url, sql)

/** A folder with one applied migration. */
async function applied(up: string, down?: string): Promise<{ folder: MigrationFolder; id: string }> {
  const folder = new MigrationFolder(database.url)
  const id = folder.add(down === undefined ? up : { 'up.sql': up, 'down.sql': down })
  await migrateUp(folder.target, { allowOutOfOrder: true })
  return { folder, id }
}
const stateOf = async ({ folder, id }: { folder: MigrationFolder; id: string }): Promise<unknown> =>
  (await migrateStatus(folder.target)).find((one) => one.id === id)?.state

describe('a plan', () => {
  test('counts what would be lost of tables and columns now, and says what is locked', async () => {
    const { folder, id } = await applied(
      'CREATE TABLE whole (n int); CREATE TABLE part (n int, extra text)',
      'DROP TABLE whole; ALTER TABLE part DROP COLUMN extra',
    )
    expect(await planRollback(folder.target)).toMatchObject({ verdict: 'safe', rowsAtRisk: 0, rowLimit: 0 })
    await run("INSERT INTO whole SELECT generate_series(1, 300); INSERT INTO part VALUES (1, 'x'), (2, NULL)")
    const plan = await planRollback(folder.target)
    expect(plan).toMatchObject({ verdict: 'lossy', rowsAtRisk: 301, rowLimit: 500 })
    expect(plan.steps).toMatchObject([
      {
        id,
        atRisk: [
          { object: 'public.whole', kind: 'rows', rows: 300, isEstimate: false },
          { object: 'public.part.extra', kind: 'values', rows: 1 },
        ],
        statements: [
          { lock: 'ACCESS EXCLUSIVE' },
          { lock: 'ACCESS EXCLUSIVE', blocks: { tables: ['public.part'] } },
        ],
      },
    ])
  })

  test.each([
    [
      'CREATE TABLE based (n int); CREATE VIEW on_based AS SELECT n FROM based',
      'DROP TABLE based',
      'blocked',
      'view public.on_based',
    ],
    [
      'CREATE TABLE cascaded (n int); CREATE VIEW on_cascaded AS SELECT n FROM cascaded',
      'DROP TABLE cascaded CASCADE',
      'lossy',
      'view public.on_cascaded',
    ],
    [
      'CREATE TABLE both (n int); CREATE VIEW on_both AS SELECT n FROM public."both"',
      'DROP VIEW on_both; DROP TABLE public."both"',
      'safe',
      '',
    ],
    [
      'CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int REFERENCES parent)',
      'DROP TABLE parent',
      'blocked',
      'constraint public.child.child_id_fkey',
    ],
    ['CREATE TABLE changed (n int)', 'UPDATE changed SET n = 1', 'lossy', 'changes rows'],
    [
      'CREATE TABLE indexed (n int); CREATE INDEX ON indexed (n)',
      'ALTER TABLE indexed DROP COLUMN n',
      'safe',
      '',
    ],
    ['SELECT 1', undefined, 'blocked', 'irreversible'],
  ])('of %s by %s is %s', async (up, down, verdict, words) => {
    const { folder } = await applied(up.replace('TABLE both', 'TABLE public."both"'), down)
    const plan = await planRollback(folder.target)
    expect(plan.verdict).toBe(verdict)
    expect([...(plan.steps[0]?.reasons ?? [])].join()).toContain(words)
    if (verdict === 'blocked')
      await expect(applyRollback(folder.target, { plan: plan.hash })).rejects.toMatchObject({
        code: 'HF_ROLLBACK_BLOCKED',
      })
  })
})

describe('running a plan', () => {
  test('does what was shown under writes, and refuses another plan, or none', async () => {
    const made = await applied('CREATE TABLE written (n int)', 'DROP TABLE written')
    const { folder } = made
    await run('INSERT INTO written SELECT generate_series(1, 150)')
    const plan = await planRollback(folder.target)
    await run('INSERT INTO written SELECT generate_series(1, 20)')
    await expect(applyRollback(folder.target, { plan: 'ffffffffffffffff' })).rejects.toMatchObject({
      code: 'HF_ROLLBACK_CHANGED',
    })
    // Twenty more rows are within what the plan allows.
    expect(await applyRollback(folder.target, { plan: plan.hash })).toMatchObject({ rowsAtRisk: 170 })
    expect(await stateOf(made)).toBe('pending')
    const [operation] = await run(
      "SELECT action, details FROM holdfast.operations WHERE action = 'migrations.rollback'",
    )
    expect(operation).toMatchObject({ details: { plan: plan.hash, rows: 170, limit: 200 } })
  })

  test('has one limit for all that goes, counted under the lock', async () => {
    const { folder } = await applied(
      'CREATE TABLE one_of (n int); CREATE TABLE two_of (n int)',
      'DROP TABLE one_of; DROP TABLE two_of',
    )
    await run(
      'INSERT INTO one_of SELECT generate_series(1, 80); INSERT INTO two_of SELECT generate_series(1, 5)',
    )
    const plan = await planRollback(folder.target)
    expect(plan).toMatchObject({ rowsAtRisk: 85, rowLimit: 100 })
    // Written between the count of the plan and the lock: each below the limit, both above it.
    const writer = new pg.Client(database.url)
    await writer.connect()
    await writer.query('BEGIN; INSERT INTO two_of SELECT generate_series(1, 30)')
    const applying = applyRollback(folder.target, { plan: plan.hash }).catch((error: unknown) => error)
    await expect
      .poll(
        async () =>
          (
            await run(
              "SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted AND relation = 'two_of'::regclass AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            )
          )[0]?.n,
      )
      .toBeGreaterThan(0)
    await writer.query('COMMIT')
    await writer.end()
    expect(await applying).toMatchObject({
      code: 'HF_ROLLBACK_MORE_ROWS',
      details: { rows: 115, limit: 100 },
    })
    expect(await run('SELECT count(*)::int AS n FROM one_of')).toEqual([{ n: 80 }])
  })

  test('refuses when more rows are at risk than it allows, when there were none before, and when the script changed', async () => {
    const made = await applied('CREATE TABLE growing (n int)', 'DROP TABLE growing')
    const { folder, id } = made
    const safe = await planRollback(folder.target)
    await run('INSERT INTO growing VALUES (1)')
    await expect(applyRollback(folder.target, { plan: safe.hash })).rejects.toMatchObject({
      code: 'HF_ROLLBACK_CHANGED',
    })
    const lossy = await planRollback(folder.target)
    await run('INSERT INTO growing SELECT generate_series(1, 100)')
    await expect(applyRollback(folder.target, { plan: lossy.hash })).rejects.toMatchObject({
      code: 'HF_ROLLBACK_MORE_ROWS',
      details: { rows: 101, limit: 100 },
    })
    const now = await planRollback(folder.target)
    folder.write(id, { 'down.sql': 'DROP TABLE growing CASCADE' })
    await expect(applyRollback(folder.target, { plan: now.hash })).rejects.toMatchObject({
      code: 'HF_ROLLBACK_CHANGED',
    })
    expect(await stateOf(made)).toBe('applied')
  })
})
