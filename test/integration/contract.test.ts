/** A contract migration waits until nobody uses what it removes. */
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { firstUsed } from '../../src/migrate/contract/mentions.ts'
import { removedBy } from '../../src/migrate/contract/removed.ts'
import { splitStatements } from '../../src/migrate/format/statements.ts'
import { migrateUp, type UpOptions } from '../../src/migrate/index.ts'
import { queryAt } from '../support/database.ts'
import { MigrationFolder } from '../support/migration-folder.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'
import { useOwnServer } from '../support/servers.ts'

const FORGET =
  'SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = current_database()'

removeScratchAfterwards()
// What was called is counted for a whole server, from its start on, and forgotten when others call too much.
const database = useOwnServer()
const HOUR_MS = 3_600_000
const run = (sql: string): Promise<Record<string, unknown>[]> => queryAt(database.url, sql)

describe('what a migration removes', () => {
  test.each([
    ['DROP TABLE a, s.b', ['a', 's.b']],
    ['ALTER TABLE s.a DROP COLUMN c, DROP COLUMN "D d", ADD COLUMN e int', ['s.a.c', 's.a."D d"']],
    ['ALTER TABLE a RENAME TO b', ['a']],
    ['ALTER TABLE a RENAME COLUMN c TO d', ['a.c']],
    ['ALTER TABLE a SET SCHEMA t', ['a']],
    ['DROP VIEW v; DROP MATERIALIZED VIEW m', ['v', 'm']],
    ['DROP FUNCTION f(int); ALTER FUNCTION s.g RENAME TO h', ['f', 's.g']],
    ['DROP SCHEMA s; ALTER SCHEMA t RENAME TO u', ['s', 't']],
    ['CREATE TABLE a (n int); DROP INDEX i; ALTER TABLE a RENAME CONSTRAINT x TO y', []],
  ])('%s', async (sql, expected) => {
    const removed = removedBy(await splitStatements({ text: sql, path: 'up.sql' }))
    expect(
      removed.map(({ schema, name, column }) =>
        [schema, name, column]
          .filter(Boolean)
          .map((word) => (/[A-Z ]/.test(String(word)) ? `"${word}"` : word))
          .join('.'),
      ),
    ).toEqual(expected)
  })
})

describe('whether a statement uses it', () => {
  const column = { kind: 'column', schema: 'public', name: 'orders', column: 'note' } as const
  const table = { kind: 'relation', schema: undefined, name: 'orders' } as const
  test.each([
    ['SELECT note FROM orders WHERE id = $1', column, true],
    ['SELECT o.note FROM public.orders o', column, true],
    ['SELECT * FROM orders', column, true],
    ['SELECT count(*) FROM orders', column, false],
    ['SELECT id FROM orders', column, false],
    ['SELECT note FROM billing.orders', column, false],
    ['SELECT note FROM others', column, false],
    ['INSERT INTO orders VALUES ($1, $2)', column, true],
    ['INSERT INTO orders (id) VALUES ($1)', column, false],
    ['INSERT INTO orders (id, note) VALUES ($1, $2)', column, true],
    ['INSERT INTO orders (id) VALUES ($1) RETURNING *', column, true],
    ['UPDATE orders SET note = $1', column, true],
    ['UPDATE orders SET id = $1', column, false],
    ['DELETE FROM orders WHERE note IS NULL', column, true],
    ['COPY orders FROM STDIN', column, true],
    ['COPY orders (id, note) FROM STDIN', column, true],
    ['COPY public.orders (id, note) TO STDOUT', column, false],
    ['COPY (SELECT note FROM orders) TO STDOUT', column, true],
    ['SELECT row_to_json(o) FROM orders o', column, true],
    ['SELECT orders FROM orders', column, true],
    ['SELECT (o).note FROM orders o', column, true],
    ['SELECT (o).* FROM orders o', column, true],
    ['SELECT id FROM orders JOIN others USING (note)', column, true],
    ['SELECT id FROM orders NATURAL JOIN others', column, true],
    ['INSERT INTO orders (id) VALUES ($1) ON CONFLICT (note) DO NOTHING', column, true],
    ['INSERT INTO orders (id) VALUES ($1) ON CONFLICT (id) DO NOTHING', column, false],
    ['INSERT INTO orders (id) VALUES ($1) ON CONFLICT ON CONSTRAINT c DO NOTHING', column, true],
    [
      'MERGE INTO orders o USING s ON s.id = o.id WHEN NOT MATCHED THEN INSERT VALUES (s.id, $1)',
      column,
      true,
    ],
    [
      'MERGE INTO orders o USING s ON s.id = o.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)',
      column,
      false,
    ],
    ['PREPARE p AS SELECT note FROM orders', column, true],
    ['CREATE TABLE copied AS SELECT note FROM orders', column, true],
    ['TRUNCATE orders', table, true],
    ['SELECT x.* FROM x JOIN orders ON orders.id = x.id', column, false],
    ['SELECT orders.* FROM x JOIN orders ON orders.id = x.id', column, true],
    ['WITH p AS (SELECT id FROM orders) SELECT * FROM p', column, false],
    ['WITH orders AS (SELECT 1 AS n) SELECT * FROM orders', table, false],
    ['SELECT id FROM x WHERE EXISTS (SELECT * FROM orders WHERE orders.id = x.id)', column, false],
    ['CALL twice($1)', { kind: 'function', schema: undefined, name: 'twice' } as const, true],
    ['COPY orders (id) FROM STDIN', column, false],
    ['WITH x AS (SELECT id FROM orders) SELECT * FROM x', table, true],
    ['ALTER TABLE orders DROP COLUMN note', column, false],
    ['CREATE INDEX ON orders (note)', column, false],
    ["SELECT id FROM orders WHERE at > now() - interval $1 AND note = 'x'", column, true],
    ['SELECT id FROM borders WHERE at > now() - interval $1', table, false],
    ['SELECT s.twice($1)', { kind: 'function', schema: 's', name: 'twice' } as const, true],
    ['SELECT t.twice($1)', { kind: 'function', schema: 's', name: 'twice' } as const, false],
    ['SELECT n FROM s.a', { kind: 'schema', schema: undefined, name: 's' } as const, true],
  ])('%s', async (text, removed, isUse) => {
    expect((await firstUsed(text, [removed])) !== undefined).toBe(isUse)
  })
})

describe('a contract', () => {
  beforeAll(() => run('CREATE EXTENSION pg_stat_statements'))
  beforeEach(() => run(FORGET))

  let count = 0
  /** An expand that ran two hours ago, and the contract after it. */
  async function place(
    expandedAgoMs = 2 * HOUR_MS,
    contractOf = (name: string): string => `ALTER TABLE ${name} DROP COLUMN old`,
  ): Promise<{
    readonly folder: MigrationFolder
    readonly table: string
    readonly contract: string
    readonly up: (options?: UpOptions) => Promise<string[]>
  }> {
    count += 1
    const table = `contracted_${count}`
    const folder = new MigrationFolder(database.url)
    const expand = folder.add(`-- holdfast: phase=expand\nCREATE TABLE ${table} (id int, old text, new text)`)
    const up = (options: UpOptions = {}): Promise<string[]> =>
      migrateUp(folder.target, { allowOutOfOrder: true, contractGraceMs: HOUR_MS, ...options })
    await up()
    await run(`UPDATE holdfast.migration_history SET started_at = started_at - interval '1 ms' * ${expandedAgoMs},
               finished_at = finished_at - interval '1 ms' * ${expandedAgoMs} WHERE migration_id = '${expand}'`)
    const contract = folder.add(`-- holdfast: phase=contract after=${expand}\n${contractOf(table)}`)
    return { folder, table, contract, up }
  }
  /** As if the statistics had counted for as long, and nothing had run since. */
  const age = (hours: number): Promise<unknown> =>
    run(`UPDATE holdfast.contract_uses SET changed_at = changed_at - interval '${hours} hours'`)

  test('waits for the grace time of its expand', async () => {
    const { contract, up } = await place(0)
    await expect(up()).rejects.toMatchObject({
      code: 'HF_MIGRATE_CONTRACT_EARLY',
      retryable: true,
      message: expect.stringContaining('its expand'),
    })
    // Nobody looks where nobody wants to wait.
    expect(await up({ contractGraceMs: 0 })).toEqual([contract])
  })

  test('is refused while a statement uses the column, and again when that runs again', async () => {
    const { table, contract, up } = await place()
    await run(`SELECT old FROM ${table}`)
    await run(`SELECT id FROM ${table}`)
    const refused = {
      code: 'HF_MIGRATE_CONTRACT_IN_USE',
      retryable: true,
      details: { id: contract, uses: [{ what: `${table}.old`, calls: 1, text: `SELECT old FROM ${table}` }] },
    }
    await expect(up()).rejects.toMatchObject(refused)
    await age(2)
    await run(`SELECT old FROM ${table}`)
    await expect(up()).rejects.toMatchObject({ ...refused, details: { uses: [{ calls: 2 }] } })
    await age(2)
    // Quiet for long enough; what is left to ask is how long the statistics have counted.
    await expect(up()).rejects.toMatchObject({
      code: 'HF_MIGRATE_CONTRACT_EARLY',
      message: expect.stringContaining('the statement statistics count only since'),
    })
    expect(await up({ contractGraceMs: 1 })).toEqual([contract])
    expect(await run('SELECT * FROM holdfast.contract_uses')).toEqual([])
  })

  test('runs where consent says why', async () => {
    const { contract, up } = await place(
      0,
      (table) => `-- holdfast: allow=contract-early reason="nothing was deployed yet"\nDROP TABLE ${table}`,
    )
    expect(await up()).toEqual([contract])
  })

  test('a role that does not see the statements of others is told what to have granted', async () => {
    const { table, up, folder } = await place()
    await run(`SELECT old FROM ${table}`)
    await run(`CREATE ROLE half_blind LOGIN PASSWORD 'x'; GRANT ALL ON SCHEMA public, holdfast TO half_blind;
               GRANT ALL ON ALL TABLES IN SCHEMA holdfast TO half_blind; ALTER TABLE ${table} OWNER TO half_blind`)
    const url = Object.assign(new URL(database.url), { username: 'half_blind', password: 'x' }).href
    try {
      await expect(
        migrateUp({ ...folder.target, url }, { allowOutOfOrder: true, contractGraceMs: HOUR_MS }),
      ).rejects.toMatchObject({
        code: 'HF_MIGRATE_CONTRACT_EARLY',
        details: { grant: 'GRANT pg_read_all_stats TO half_blind;' },
      })
    } finally {
      await run(
        `REASSIGN OWNED BY half_blind TO current_user; DROP OWNED BY half_blind; DROP ROLE half_blind`,
      )
    }
    await expect(up()).rejects.toMatchObject({ code: 'HF_MIGRATE_CONTRACT_IN_USE' })
  })

  test('what goes along is looked for, too: partitions, views, all of a schema', async () => {
    await run(`CREATE TABLE measures (at date, old int) PARTITION BY RANGE (at);
      CREATE TABLE measures_1 PARTITION OF measures FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
      CREATE SCHEMA ten; CREATE TABLE ten.a (n int); CREATE VIEW on_old AS SELECT old FROM measures; CREATE TABLE "Or""d" (n int)`)
    for (const [statement, sql] of [
      ['SELECT old FROM measures_1', 'ALTER TABLE measures DROP COLUMN old CASCADE'],
      ['SELECT count(*) FROM on_old', 'DROP TABLE measures CASCADE'],
      ['SET search_path = ten; SELECT n FROM a', 'DROP SCHEMA ten CASCADE'],
      ['SELECT n FROM "Or""d"', 'DROP TABLE "Or""d"'],
    ] as const) {
      await run(FORGET)
      const { up } = await place(2 * HOUR_MS, () => sql)
      await run(statement)
      await expect(up(), statement).rejects.toMatchObject({ code: 'HF_MIGRATE_CONTRACT_IN_USE' })
    }
  })

  test('what after= names counts as its expand, whatever its phase; what cannot be judged is said', async () => {
    const { folder, up } = await place(2 * HOUR_MS, () => 'SELECT 1')
    await up({ contractGraceMs: 0 })
    const young = folder.add('SELECT 1')
    await up()
    folder.add(`-- holdfast: phase=contract after=${young}\nDO 'BEGIN NULL; END'`)
    await expect(up()).rejects.toMatchObject({
      code: 'HF_MIGRATE_CONTRACT_EARLY',
      details: { expand: young },
    })
    await run(
      `UPDATE holdfast.migration_history SET finished_at = finished_at - interval '2 hours' WHERE migration_id = '${young}'`,
    )
    const said: string[] = []
    await up({ onProgress: (progress) => progress.kind === 'said' && said.push(progress.text) })
    expect(said).toContainEqual(expect.stringContaining('of steps in TypeScript, blocks and sequences'))
  })

  test('an extension too old to say since when it counts is to be updated', async () => {
    const { up } = await place()
    await run("DROP EXTENSION pg_stat_statements; CREATE EXTENSION pg_stat_statements VERSION '1.8'")
    try {
      await expect(up()).rejects.toMatchObject({
        code: 'HF_MIGRATE_CONTRACT_EARLY',
        details: { statement: 'ALTER EXTENSION pg_stat_statements UPDATE;' },
      })
    } finally {
      await run('ALTER EXTENSION pg_stat_statements UPDATE')
    }
  })

  test('without statistics it says that it did not look', async () => {
    const { contract, up } = await place()
    await run('DROP EXTENSION pg_stat_statements')
    const said: string[] = []
    const ran = await up({ onProgress: (progress) => progress.kind === 'said' && said.push(progress.text) })
    await run('CREATE EXTENSION pg_stat_statements')
    expect(ran).toEqual([contract])
    expect(said).toContainEqual(expect.stringContaining('there are no statement statistics'))
  })

  test('one that stopped midway is finished without being asked again', async () => {
    const { folder, contract, table, up } = await place(
      2 * HOUR_MS,
      (name) => `-- holdfast: transaction=off\nALTER TABLE ${name} DROP COLUMN old;\nDROP TABLE not_there;`,
    )
    await expect(up({ contractGraceMs: 0 })).rejects.toMatchObject({ code: 'HF_MIGRATE_FAILED' })
    await run(`SELECT * FROM ${table}`)
    folder.write(
      contract,
      `-- holdfast: phase=contract transaction=off\nALTER TABLE ${table} DROP COLUMN old;`,
    )
    expect(await up()).toEqual([contract])
  })
})
