import { type Generated, Kysely, sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { uuidv7 } from '../../src/core/index.ts'
import { Pool } from '../../src/pool/index.ts'
import {
  createMany,
  CursorKeys,
  defineRepository,
  defineTenancy,
  HoldfastDialect,
  transaction,
} from '../../src/query/index.ts'
import { useDatabase } from '../support/database.ts'

interface Rented {
  documents: { id: number; tenant_id: Generated<string>; title: string }
  projects: { id: number; tenant_id: Generated<string> }
  countries: { code: string }
}

const database = useDatabase('empty')
const [ONE, TWO] = [uuidv7(), uuidv7()]
/** Roles belong to the whole server. */
const APP = `app_${process.pid}_${Date.now().toString(36)}`
const OTHER = `${APP}_other`

const tenancy = defineTenancy<Rented>()({ tables: ['documents', 'projects'], shared: ['countries'] })
const documents = defineRepository<Rented>()('documents', { key: 'id', cursors: new CursorKeys() })

let owner: Pool
let db: Kysely<Rented>

beforeAll(async () => {
  owner = new Pool({ connectionString: database.url, size: 2 })
  await owner.query(`
    CREATE ROLE ${APP} LOGIN PASSWORD 'app';
    CREATE TABLE documents (id int NOT NULL, tenant_id uuid NOT NULL, title text NOT NULL, PRIMARY KEY (tenant_id, id));
    CREATE TABLE projects (id int PRIMARY KEY, tenant_id uuid NOT NULL);
    CREATE TABLE countries (code text PRIMARY KEY);
    INSERT INTO countries VALUES ('PT');
    GRANT SELECT, INSERT, UPDATE, DELETE ON documents, projects, countries TO ${APP}`)
  for (let round = 0; round < 2; round += 1)
    for (const statement of tenancy.policies()) await owner.query(statement)
  const url = new URL(database.url)
  url.username = APP
  url.password = 'app'
  db = new Kysely<Rented>({
    dialect: new HoldfastDialect({ pool: new Pool({ connectionString: url.href, size: 1, overflow: 0 }) }),
  })
})

afterAll(async () => {
  await db.destroy()
  await owner.query(`DROP OWNED BY ${APP}; DROP ROLE ${APP}`)
  await owner.end()
})

test('a tenant sees and writes its own rows, and no others', async () => {
  await tenancy.transaction(db, ONE, async (trx) => {
    await documents.using(trx).create({ id: 1, title: 'of one' })
    // COPY knows no policies.
    await createMany(
      trx,
      'documents',
      [
        { id: 2, title: 'also' },
        { id: 3, title: 'and' },
      ],
      { copyFromRows: 1 },
    )
  })
  await tenancy.transaction(db, TWO, async (trx) => {
    expect(await documents.using(trx).count()).toBe(0)
    expect(await documents.using(trx).find(1)).toBeUndefined()
    await documents.using(trx).create({ id: 1, title: 'of two' })
    const stolen = await trx
      .updateTable('documents')
      .set({ title: 'mine' })
      .where('tenant_id', '=', ONE)
      .executeTakeFirst()
    expect(stolen.numUpdatedRows).toBe(0n)
  })
  const planted = tenancy.transaction(db, TWO, (trx) =>
    trx.insertInto('documents').values({ id: 9, tenant_id: ONE, title: 'planted' }).execute(),
  )
  await expect(planted).rejects.toMatchObject({ code: '42501' })
  const { rows } = await tenancy.transaction(db, ONE, (trx) => documents.using(trx).list())
  expect(rows).toEqual([
    { id: 1, tenant_id: ONE, title: 'of one' },
    { id: 2, tenant_id: ONE, title: 'also' },
    { id: 3, tenant_id: ONE, title: 'and' },
  ])
})

test('without a tenant there is nothing to see, on the connection that had one before, too', async () => {
  const shared = tenancy.shared(db)
  expect(await shared.selectFrom('countries').selectAll().execute()).toEqual([{ code: 'PT' }])
  // @ts-expect-error -- the tables of tenants are not there
  expect(await shared.selectFrom('documents').selectAll().execute()).toEqual([])
  await expect(tenancy.transaction(db, '', async () => {})).rejects.toMatchObject({
    code: 'HF_TENANT_MISSING',
  })
  await expect(tenancy.transaction(db, undefined as never, async () => {})).rejects.toMatchObject({
    code: 'HF_TENANT_MISSING',
  })
  const moved = tenancy.transaction(db, ONE, (trx) => tenancy.transaction(trx, TWO, async () => {}))
  await expect(moved).rejects.toMatchObject({ code: 'HF_QUERY_IN_TRANSACTION' })
  const late = transaction(db, (trx) => tenancy.transaction(trx, TWO, async () => {}))
  await expect(late).rejects.toMatchObject({ code: 'HF_QUERY_IN_TRANSACTION' })
  const nested = tenancy.transaction(db, ONE, (trx) =>
    tenancy.transaction(trx, ONE, (inner) => documents.using(inner).count()),
  )
  expect(await nested).toBe(3)
  const injected = tenancy.transaction(db, `${ONE}' or true --`, (trx) => documents.using(trx).count())
  await expect(injected).rejects.toMatchObject({ code: 'HF_VALUE_INVALID', details: { sqlstate: '22P02' } })
})

test('nothing escapes when everything is as it should be', async () => {
  expect(await tenancy.check(db)).toEqual([])
})

/** What owns, stores, truncates or refers, at one remove. */
const further: [make: string, undo: string, expected: RegExp][] = [
  [
    `CREATE VIEW few AS SELECT id, title FROM documents; GRANT SELECT (title) ON few TO ${APP}`,
    'DROP VIEW few',
    /^few: this view/,
  ],
  [
    `CREATE VIEW gone AS SELECT * FROM documents; GRANT DELETE ON gone TO ${APP}`,
    'DROP VIEW gone',
    /^gone: this view/,
  ],
  [
    `CREATE VIEW deep AS SELECT title FROM documents; CREATE ROLE ${OTHER}; GRANT SELECT ON deep TO ${OTHER};
     CREATE VIEW shallow AS SELECT * FROM deep; ALTER VIEW shallow OWNER TO ${OTHER}; GRANT SELECT ON shallow TO ${APP}`,
    `DROP VIEW deep CASCADE; DROP ROLE ${OTHER}`,
    /^shallow: this view/,
  ],
  [
    `CREATE MATERIALIZED VIEW kept AS SELECT title FROM documents; CREATE VIEW over_kept AS SELECT * FROM kept; GRANT SELECT ON over_kept TO ${APP}`,
    'DROP MATERIALIZED VIEW kept CASCADE',
    /^over_kept: this view/,
  ],
  [
    `CREATE ROLE ${OTHER}; GRANT SELECT ON documents TO ${OTHER}; CREATE POLICY report ON documents FOR SELECT TO ${OTHER} USING (true);
     CREATE FUNCTION report() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT count(*) FROM documents $$;
     GRANT CREATE ON SCHEMA public TO ${OTHER}; ALTER FUNCTION report() OWNER TO ${OTHER}`,
    `DROP FUNCTION report(); DROP POLICY report ON documents; REVOKE ALL ON documents FROM ${OTHER}; REVOKE ALL ON SCHEMA public FROM ${OTHER}; DROP ROLE ${OTHER}`,
    /^report\(\): this function/,
  ],
  [
    `CREATE SCHEMA aside; CREATE TABLE aside.copies (tenant_id uuid); GRANT USAGE ON SCHEMA aside TO ${APP}; GRANT SELECT ON aside.copies TO ${APP}`,
    'DROP SCHEMA aside CASCADE',
    /^aside\.copies: row-level security is off/,
  ],
  [
    `GRANT TRUNCATE ON documents TO ${APP}`,
    `REVOKE TRUNCATE ON documents FROM ${APP}`,
    /^documents: .* TRUNCATE/,
  ],
  [
    `CREATE POLICY lax ON documents USING (tenant_id IS NOT NULL OR current_setting('holdfast.tenant', true) IS NOT NULL)`,
    'DROP POLICY lax ON documents',
    /^documents: policy lax/,
  ],
  [
    `CREATE ROLE ${OTHER} BYPASSRLS; GRANT ${OTHER} TO ${APP}`,
    `DROP ROLE ${OTHER}`,
    /: this role may become it/,
  ],
  [
    'ALTER TABLE projects ADD CONSTRAINT projects_key UNIQUE (id); ALTER TABLE documents ADD COLUMN project_id int REFERENCES projects (id)',
    'ALTER TABLE documents DROP COLUMN project_id; ALTER TABLE projects DROP CONSTRAINT projects_key',
    /^documents: foreign key documents_project_id_fkey/,
  ],
]

test('a role that passes over policies is refused, unless there is another to take on', async () => {
  const admin = new Kysely<Rented>({ dialect: new HoldfastDialect({ pool: owner, endsPool: false }) })
  const unsafe = tenancy.transaction(admin, ONE, (trx) => documents.using(trx).count())
  await expect(unsafe).rejects.toMatchObject({ code: 'HF_TENANT_UNPROTECTED' })
  const taking = defineTenancy<Rented>()({
    tables: ['documents', 'projects'],
    shared: ['countries'],
    role: APP,
  })
  expect(await taking.transaction(admin, ONE, (trx) => documents.using(trx).count())).toBe(3)
  expect(await taking.transaction(admin, TWO, (trx) => documents.using(trx).count())).toBe(1)
  expect(await taking.check(admin)).toEqual([])
})

test('every known way around the borders is found', async () => {
  const found = async (): Promise<string[]> =>
    (await tenancy.check(db)).map(({ name, problem }) => `${name}: ${problem}`)
  const admin = new Kysely<Rented>({ dialect: new HoldfastDialect({ pool: owner, endsPool: false }) })
  expect((await tenancy.check(admin)).map(({ problem }) => problem)).toContainEqual(
    expect.stringContaining('passes over'),
  )
  const cases: [make: string, undo: string, expected: RegExp][] = [
    [
      'ALTER TABLE documents DISABLE ROW LEVEL SECURITY',
      'ALTER TABLE documents ENABLE ROW LEVEL SECURITY',
      /^documents: row-level security is off/,
    ],
    [
      `ALTER TABLE projects NO FORCE ROW LEVEL SECURITY; ALTER TABLE projects OWNER TO ${APP}`,
      `ALTER TABLE projects OWNER TO CURRENT_USER; ALTER TABLE projects FORCE ROW LEVEL SECURITY; GRANT SELECT, INSERT, UPDATE, DELETE ON projects TO ${APP}`,
      /^projects: .* owner/,
    ],
    [
      `CREATE TABLE notes (tenant_id uuid); GRANT SELECT ON notes TO ${APP}`,
      'DROP TABLE notes',
      /^notes: row-level security is off/,
    ],
    [
      `CREATE TABLE settings (name text); GRANT SELECT ON settings TO ${APP}`,
      'DROP TABLE settings',
      /^settings: has no column tenant_id/,
    ],
    [
      'ALTER TABLE documents RENAME TO papers',
      'ALTER TABLE papers RENAME TO documents',
      /^documents: is not there/,
    ],
    [
      'CREATE POLICY support ON documents USING (true)',
      'DROP POLICY support ON documents',
      /^documents: policy support/,
    ],
    [
      `CREATE POLICY writes ON documents FOR INSERT TO ${APP} WITH CHECK (title <> '')`,
      'DROP POLICY writes ON documents',
      /^documents: policy writes/,
    ],
    [
      `CREATE VIEW titles AS SELECT title FROM documents; GRANT SELECT ON titles TO ${APP}`,
      'DROP VIEW titles',
      /^titles: this view/,
    ],
    [
      `CREATE VIEW inner_titles AS SELECT title FROM documents; CREATE VIEW outer_titles AS SELECT * FROM inner_titles; GRANT SELECT ON outer_titles TO ${APP}`,
      'DROP VIEW inner_titles CASCADE',
      /^outer_titles: this view/,
    ],
    [
      `CREATE MATERIALIZED VIEW stored AS SELECT title FROM documents; GRANT SELECT ON stored TO ${APP}`,
      'DROP MATERIALIZED VIEW stored',
      /^stored: this materialized view/,
    ],
    [
      'CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT count(*) FROM documents $$',
      'DROP FUNCTION peek()',
      /^peek\(\): this function/,
    ],
    [
      `CREATE TABLE parts (tenant_id uuid) PARTITION BY HASH (tenant_id); CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 1, REMAINDER 0); GRANT SELECT ON parts_0 TO ${APP}`,
      'DROP TABLE parts',
      /^parts_0: row-level/,
    ],
  ]
  cases.push(...further)
  for (const [make, undo, expected] of cases) {
    await owner.query(make)
    try {
      expect(await found(), make).toContainEqual(expect.stringMatching(expected))
    } finally {
      await owner.query(undo)
    }
    expect(await found(), undo).toEqual([])
  }
  // What this role cannot reach, what asks for the tenant itself, and what only narrows, is no way around.
  await owner.query(`
    CREATE TABLE internal (tenant_id uuid);
    CREATE VIEW careful WITH (security_invoker = true) AS SELECT * FROM documents; GRANT SELECT ON careful TO ${APP};
    CREATE POLICY narrow ON documents AS RESTRICTIVE USING (title <> 'hidden')`)
  expect(await found()).toEqual([])
  await owner.query('DROP TABLE internal; DROP VIEW careful; DROP POLICY narrow ON documents')
})

test('policies of every type of tenant are known again', async () => {
  const types = [
    'uuid',
    'text',
    'varchar(36)',
    'character varying',
    'char(3)',
    'bigint',
    'smallint',
    'numeric(10)',
  ]
  for (const type of types) {
    const odd = defineTenancy<{ odd: object }>()({ tables: ['odd'], column: 'Owner id', type, schema: 'odd' })
    await owner.query(
      `CREATE SCHEMA odd; CREATE TABLE odd.odd ("Owner id" ${type}); GRANT USAGE ON SCHEMA odd TO ${APP}; GRANT SELECT ON odd.odd TO ${APP}`,
    )
    try {
      for (const statement of odd.policies()) await owner.query(statement)
      expect(await odd.check(db), type).toEqual([])
    } finally {
      await owner.query('DROP SCHEMA odd CASCADE')
    }
  }
})

test('names and types of the policies are safe', () => {
  expect(() => defineTenancy<Rented>()({ tables: [], setting: 'tenant' })).toThrow(/dot/)
  expect(() => defineTenancy<Rented>()({ tables: [], type: 'uuid); DROP TABLE documents; --' })).toThrow(
    /type/,
  )
  const odd = defineTenancy<Record<string, object>>()({
    tables: ['a"b'],
    column: 'c"d',
    schema: 's"t',
    type: 'bigint',
  })
  expect(odd.policies()[0]).toBe('ALTER TABLE "s""t"."a""b" ENABLE ROW LEVEL SECURITY')
  expect(sql.raw(odd.policies()[4] as string)).toBeDefined()
  expect(odd.policies()[4]).toContain(
    `"c""d" = (SELECT nullif(current_setting('holdfast.tenant', true), '')::bigint)`,
  )
})
