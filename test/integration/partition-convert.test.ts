/** Converting a table: nothing of its definition is lost, and whatever stands in the way is found. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { installSchema } from '../../src/migrate/index.ts'
import {
  conversionStatus,
  convert,
  listPartitions,
  type PartitionTarget,
  planConversion,
  undoConversion,
  type Wishes,
} from '../../src/partitions/index.ts'
import { type Catalog, compareCatalogs, readCatalog } from '../../src/schema/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { queryAt } from '../support/database.ts'
import { startServer } from '../support/servers.ts'

const BY_MONTH: Wishes = { by: 'at', every: 'month' }

/** A table with everything that can hang on one, under a name that needs quotes. */
const EVERYTHING = `
  CREATE SCHEMA "my app"; SET search_path = "my app";
  CREATE ROLE "the owner"; CREATE ROLE reader; GRANT ALL ON SCHEMA "my app" TO "the owner";
  CREATE TABLE kinds (id int PRIMARY KEY); INSERT INTO kinds VALUES (1), (2);
  CREATE TABLE "Log entries" (
    id bigint GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 3) PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(),
    kind int REFERENCES kinds ON DELETE CASCADE, text text, loud text GENERATED ALWAYS AS (upper(text)) STORED,
    n serial NOT NULL, size int CHECK (size > 0), UNIQUE (size, at)) WITH (fillfactor = 80, toast.autovacuum_enabled = false);
  CREATE INDEX short ON "Log entries" (lower(text)) WHERE text IS NOT NULL;
  CREATE INDEX wide ON "Log entries" (at) INCLUDE (text);
  CREATE INDEX words ON "Log entries" USING gin (to_tsvector('simple', text));
  COMMENT ON TABLE "Log entries" IS 'what happened'; COMMENT ON COLUMN "Log entries".text IS 'in words';
  COMMENT ON INDEX wide IS 'for reports'; COMMENT ON CONSTRAINT "Log entries_size_check" ON "Log entries" IS 'no nothing';
  COMMENT ON CONSTRAINT "Log entries_pkey" ON "Log entries" IS 'the key';
  CREATE VIEW latest WITH (security_barrier) AS SELECT * FROM "Log entries" WHERE at > now() - interval '1 day';
  CREATE VIEW above AS SELECT id FROM latest; GRANT SELECT ON latest TO reader; COMMENT ON VIEW latest IS 'of today';
  CREATE FUNCTION how_many() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM "Log entries"; END;
  CREATE TABLE others (id int, log bigint); ALTER TABLE others ENABLE ROW LEVEL SECURITY;
  CREATE POLICY known ON others USING (EXISTS (SELECT FROM "Log entries" l WHERE l.id = log));
  ALTER TABLE "Log entries" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
  CREATE POLICY readers ON "Log entries" FOR SELECT TO reader USING (size < 1000); COMMENT ON POLICY readers ON "Log entries" IS 'small ones';
  CREATE POLICY strict ON "Log entries" AS RESTRICTIVE USING (EXISTS (SELECT FROM others o WHERE o.log = "Log entries".id) OR true);
  GRANT SELECT (text), INSERT ON "Log entries" TO PUBLIC; GRANT UPDATE ON "Log entries" TO reader WITH GRANT OPTION;
  GRANT USAGE ON SEQUENCE "Log entries_n_seq" TO reader;
  CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN coalesce(new, old); END';
  CREATE TRIGGER one BEFORE INSERT ON "Log entries" FOR EACH ROW WHEN (new.text <> '') EXECUTE FUNCTION note();
  CREATE TRIGGER two AFTER DELETE ON "Log entries" REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note();
  CREATE CONSTRAINT TRIGGER three AFTER UPDATE ON "Log entries" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note();
  ALTER TABLE "Log entries" DISABLE TRIGGER two; ALTER TABLE "Log entries" ENABLE ALWAYS TRIGGER three; COMMENT ON TRIGGER one ON "Log entries" IS 'first';
  CREATE STATISTICS together ON kind, size FROM "Log entries";
  ALTER TABLE "Log entries" ALTER text SET STATISTICS 77, ALTER text SET (n_distinct = 5), REPLICA IDENTITY FULL;
  ALTER TABLE "Log entries" OWNER TO "the owner"; ALTER VIEW latest OWNER TO "the owner";
  INSERT INTO "Log entries" (text, kind, size, at)
    SELECT 'entry ' || g, 1 + g % 2, g, now() - g * interval '3 hours' FROM generate_series(1, 1000) g`

describe.each([15, 18])('on PostgreSQL %i', (version) => {
  let server: EmbeddedServer
  let template: string
  beforeAll(async () => {
    server = await startServer({ version })
    const { url, name } = await createTestDatabase(server.url)
    await installSchema(url, 'holdfast', {})
    template = name
  })
  afterAll(() => server.stop())

  interface Place {
    readonly target: PartitionTarget
    readonly run: (sql: string) => Promise<Record<string, unknown>[]>
  }
  async function place(sql: string): Promise<Place> {
    const { url } = await createTestDatabase(server.url, template)
    await queryAt(url, sql)
    return { target: { url, ownSchema: 'holdfast' }, run: (text) => queryAt(url, text) }
  }
  async function catalog(url: string): Promise<Catalog> {
    const client = new pg.Client(url)
    await client.connect()
    try {
      return await readCatalog(client)
    } finally {
      await client.end()
    }
  }

  test('nothing is lost from a table that has everything, in either mode; undone it is as it was', async () => {
    const { target, run } = await place(EVERYTHING)
    await run(
      `CREATE PUBLICATION feed FOR TABLE "my app"."Log entries" WHERE (id > 0) WITH (publish_via_partition_root, publish = 'insert')`,
    )
    const before = await catalog(target.url)
    const state = (): Promise<Record<string, unknown>[]> =>
      run(`SELECT count(*)::int AS rows, md5(string_agg(l::text, ',' ORDER BY id)) AS contents,
             (SELECT count(*)::int FROM "my app".latest) AS seen, "my app".how_many()::int AS counted FROM "my app"."Log entries" l`)
    const first = await state()
    const table = '"my app"."Log entries"'
    await expect(convert(target, table, BY_MONTH)).rejects.toThrow('row security is forced')
    const wishes = { ...BY_MONTH, accept: ['forced-row-security'] }
    const done = await convert(target, table, wishes)
    expect(done).toMatchObject({ state: 'done', kind: 'attach', step: 'verify' })
    expect(done.notes).toEqual([
      expect.stringMatching(/a row was put into each of \d+ partitions on trial/),
      expect.stringMatching(/reads that partition alone/),
      expect.stringMatching(/id_seq" stands at 3002$/),
      expect.stringMatching(/n_seq" stands at 1000$/),
    ])
    const after = await catalog(target.url)
    const changed = wordsOf(before, after)
    expect(changed.slice(0, EXPECTED.length)).toEqual(EXPECTED)
    // How many months there are ahead depends on the day.
    for (const words of changed.slice(EXPECTED.length))
      expect(words).toMatch(/^table .*Log entries_(\d{4}_\d\d|legacy)" is there and not expected/)
    expect(await state()).toEqual(first)
    // The next number is the next, and rows find their partition.
    await run(
      `INSERT INTO ${table} (text, kind, size, at) VALUES ('now', 1, 5, now()), ('later', 1, 5, now() + interval '40 days')`,
    )
    expect(
      await run(
        `SELECT id::int, n, tableoid = '"my app"."Log entries_legacy"'::regclass AS old FROM ${table} ORDER BY id DESC LIMIT 2`,
      ),
    ).toEqual([
      { id: 3008, n: 1002, old: false },
      { id: 3005, n: 1001, old: true },
    ])
    expect(await run(`SELECT tablename FROM pg_publication_tables WHERE pubname = 'feed'`)).toEqual([
      { tablename: 'Log entries' },
    ])
    // Whoever may not read the table may not read its partitions, which have row security of their own.
    expect(
      await run(`SELECT count(*)::int AS open FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
        WHERE i.inhparent = '${table}'::regclass AND (NOT relrowsecurity OR has_table_privilege('reader', c.oid, 'SELECT'))`),
    ).toEqual([{ open: 0 }])
    const second = await state()
    const split = await convert(target, table, { ...wishes, by: '', mode: 'split' })
    expect(split).toMatchObject({ state: 'done', kind: 'split', rowsDone: 1001 })
    expect(await state()).toEqual(second)
    expect((await listPartitions(target, table)).partitions.map(({ name }) => name)).not.toContain(
      'Log entries_legacy',
    )
    // Until the grace is over the old table has all that is written, too.
    await run(`UPDATE ${table} SET size = size + 5000 WHERE id < 500; DELETE FROM ${table} WHERE id BETWEEN 600 AND 800;
      INSERT INTO ${table} (text, kind, size) VALUES ('after', 2, 9); UPDATE ${table} SET at = at - interval '70 days' WHERE id BETWEEN 1000 AND 1100`)
    const third = await state()
    await undoConversion(target, table, { accept: wishes.accept })
    expect(await state()).toEqual(third)
    expect(wordsOf(after, await catalog(target.url))).toEqual([])
    await undoConversion(target, table, { accept: wishes.accept })
    expect(await state()).toEqual(third)
    expect(wordsOf(before, await catalog(target.url))).toEqual([])
    await run(`INSERT INTO ${table} (text, kind, size) VALUES ('again', 1, 1)`)
    expect(await run(`SELECT id::int, n FROM ${table} ORDER BY id DESC LIMIT 1`)).toEqual([
      { id: 3014, n: 1004 },
    ])
    expect((await conversionStatus(target, table)).map(({ state: is }) => is)).toEqual(['undone', 'undone'])
    await expect(undoConversion(target, table)).rejects.toMatchObject({ code: 'HF_PARTITION_NO_UNDO' })
  })

  /** What a conversion has to change. */
  const EXPECTED = [
    expect.stringMatching(/^table .*Log entries": kind is partitioned/),
    expect.stringMatching(/Log entries_pkey": columns is \["id","at"\]/),
    ...['short', 'wide', 'words'].map((name) => expect.stringMatching(new RegExp(`${name}.*ON ONLY`))),
  ]
  const wordsOf = (from: Catalog, to: Catalog): string[] =>
    compareCatalogs(from, to)
      .map(({ words }) => words)
      .toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
  const rank = (words: string): number =>
    words.includes('is there and not')
      ? 3
      : words.startsWith('index')
        ? 2
        : words.startsWith('constraint')
          ? 1
          : 0

  /** The table with everything shows that the rest is carried. */
  const CONVERTED = new Set([
    'future-rows',
    'foreign-key:parts_log_fkey',
    'foreign-key:logs_before_fkey',
    'foreign-key:parts_log_at_fkey',
    'unique:logs_word_key',
    'unique:one',
    'conflict-target',
  ])
  const PLAIN =
    'CREATE TABLE logs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL, word text)'
  const NOTE = `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'`

  test.each<[string, string, string, string]>([
    [
      'rows without a key',
      `CREATE TABLE logs (id int PRIMARY KEY, at timestamptz); INSERT INTO logs VALUES (1, NULL)`,
      'null-keys',
      'blocked',
    ],
    ['infinity', `${PLAIN}; INSERT INTO logs (at) VALUES ('infinity')`, 'infinity', 'blocked'],
    [
      'rows far in the future',
      `${PLAIN}; INSERT INTO logs (at) VALUES ('9000-01-01')`,
      'future-rows',
      'blocked',
    ],
    [
      'rows past the cutoff',
      `${PLAIN}; INSERT INTO logs (at) VALUES (now() + interval '100 days')`,
      'future-rows',
      'carried',
    ],
    [
      'a foreign key to it',
      `${PLAIN}; CREATE TABLE parts (log bigint REFERENCES logs)`,
      'foreign-key:parts_log_fkey',
      'consent',
    ],
    [
      'a foreign key to itself',
      `${PLAIN}; ALTER TABLE logs ADD before bigint REFERENCES logs`,
      'foreign-key:logs_before_fkey',
      'consent',
    ],
    [
      'a foreign key with the key',
      `${PLAIN}; ALTER TABLE logs ADD UNIQUE (id, at); CREATE TABLE parts (log bigint, at timestamptz, FOREIGN KEY (log, at) REFERENCES logs (id, at))`,
      'foreign-key:parts_log_at_fkey',
      'carried',
    ],
    ['a view', `${PLAIN}; CREATE VIEW seen AS SELECT * FROM logs`, 'view:public.seen', 'carried'],
    [
      'a view by the primary key',
      `${PLAIN}; CREATE VIEW seen AS SELECT id, word FROM logs GROUP BY id`,
      'dependent:public.seen',
      'blocked',
    ],
    [
      'a materialized view',
      `${PLAIN}; CREATE MATERIALIZED VIEW seen AS SELECT * FROM logs`,
      'dependent:public.seen',
      'blocked',
    ],
    [
      'a function of SQL',
      `${PLAIN}; CREATE FUNCTION n() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM logs; END`,
      'function:function public.n()',
      'carried',
    ],
    [
      'a function of its row type',
      `${PLAIN}; CREATE FUNCTION n(logs) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
      'dependent:function public.n(public.logs)',
      'blocked',
    ],
    [
      'a column of its row type',
      `${PLAIN}; CREATE TABLE kept (log logs)`,
      'dependent:table public.kept',
      'blocked',
    ],
    [
      'a publication of partitions',
      `${PLAIN}; CREATE PUBLICATION feed FOR TABLE logs`,
      'publication:feed',
      'blocked',
    ],
    [
      'a publication of all',
      `${PLAIN}; CREATE PUBLICATION feed FOR ALL TABLES`,
      'publication:feed',
      'blocked',
    ],
    [
      'row security',
      `${PLAIN}; ALTER TABLE logs ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON logs USING (true)`,
      'row-security',
      'carried',
    ],
    [
      'a trigger',
      `${PLAIN}; ${NOTE}; CREATE TRIGGER t BEFORE INSERT ON logs FOR EACH ROW EXECUTE FUNCTION note()`,
      'triggers',
      'carried',
    ],
    [
      'a trigger with transition tables',
      `${PLAIN}; ${NOTE}; CREATE TRIGGER t AFTER INSERT ON logs REFERENCING NEW TABLE AS fresh FOR EACH ROW EXECUTE FUNCTION note()`,
      'transition:t',
      'blocked',
    ],
    ['a rule', `${PLAIN}; CREATE RULE r AS ON DELETE TO logs DO INSTEAD NOTHING`, 'rules', 'blocked'],
    ['rights', `${PLAIN}; GRANT SELECT ON logs TO PUBLIC`, 'grants', 'carried'],
    [
      'a parent',
      `CREATE TABLE base (at timestamptz NOT NULL); CREATE TABLE logs (id int PRIMARY KEY) INHERITS (base)`,
      'inheritance',
      'blocked',
    ],
    ['a child', `${PLAIN}; CREATE TABLE more () INHERITS (logs)`, 'children', 'blocked'],
    [
      'a partition',
      `CREATE TABLE whole (id int, at timestamptz NOT NULL) PARTITION BY LIST (id); CREATE TABLE logs PARTITION OF whole FOR VALUES IN (1)`,
      'partition',
      'blocked',
    ],
    [
      'a unique constraint without the key',
      `${PLAIN}; ALTER TABLE logs ADD UNIQUE (word)`,
      'unique:logs_word_key',
      'consent',
    ],
    [
      'a unique index without the key',
      `${PLAIN}; CREATE UNIQUE INDEX one ON logs (lower(word))`,
      'unique:one',
      'consent',
    ],
    [
      'an exclusion constraint',
      `${PLAIN}; ALTER TABLE logs ADD EXCLUDE (word WITH =)`,
      'exclusion:logs_word_excl',
      'blocked',
    ],
    [
      'a function that names the old key',
      `${PLAIN}; CREATE FUNCTION put() RETURNS void LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.logs (id, at) OVERRIDING SYSTEM VALUE VALUES (1, now()) ON CONFLICT (id) DO NOTHING; END'`,
      'conflict-target',
      'consent',
    ],
    ['nobody to ask about conflict targets', PLAIN, 'conflict-target-unseen', 'warning'],
    ['an identity', PLAIN, 'sequences', 'carried'],
    [
      'a serial',
      `CREATE TABLE logs (id serial PRIMARY KEY, at timestamptz NOT NULL)`,
      'sequences',
      'carried',
    ],
    [
      'a generated column',
      `${PLAIN}; ALTER TABLE logs ADD up text GENERATED ALWAYS AS (upper(word)) STORED`,
      'generated',
      'carried',
    ],
    [
      'a generated key',
      `CREATE TABLE logs (id int PRIMARY KEY, raw timestamp NOT NULL, at timestamp GENERATED ALWAYS AS (raw) STORED)`,
      'generated-key',
      'blocked',
    ],
    ['a comment', `${PLAIN}; COMMENT ON TABLE logs IS 'x'`, 'comment', 'carried'],
    ['storage options', `${PLAIN}; ALTER TABLE logs SET (fillfactor = 70)`, 'storage', 'carried'],
    [
      'a check that is not valid',
      `${PLAIN}; ALTER TABLE logs ADD CONSTRAINT c CHECK (word <> '') NOT VALID`,
      'not-valid:c',
      'blocked',
    ],
    [
      'a foreign key that is not valid',
      `${PLAIN}; CREATE TABLE words (w text PRIMARY KEY); ALTER TABLE logs ADD CONSTRAINT c FOREIGN KEY (word) REFERENCES words NOT VALID`,
      'not-valid:c',
      'blocked',
    ],
    [
      'a check without inheritance',
      `${PLAIN}; ALTER TABLE logs ADD CONSTRAINT c CHECK (word <> '') NO INHERIT`,
      'no-inherit:c',
      'blocked',
    ],
    ['an unlogged table', `${PLAIN}; ALTER TABLE logs SET UNLOGGED`, 'unlogged', 'blocked'],
    [
      'a replica identity by index',
      `${PLAIN}; CREATE UNIQUE INDEX i ON logs (at, id); ALTER TABLE logs REPLICA IDENTITY USING INDEX i`,
      'replica-identity',
      'blocked',
    ],
    [
      'taken names',
      `${PLAIN}; CREATE TABLE logs_legacy (); CREATE TABLE logs_2026_11 ()`,
      'names',
      'blocked',
    ],
  ])('%s', async (_, sql, id, level) => {
    const { target } = await place(sql)
    const { findings } = await planConversion(target, 'logs', BY_MONTH)
    const found = findings.find((one) => one.id === id)
    expect(found, JSON.stringify(findings, null, 1)).toMatchObject({ level })
    if (level === 'blocked' || level === 'consent') {
      expect(found?.way).toBeTruthy()
      await expect(convert(target, 'logs', BY_MONTH)).rejects.toMatchObject({ code: 'HF_PARTITION_BLOCKED' })
      expect(await conversionStatus(target)).toEqual([])
    }
    if (level === 'blocked' || version !== 18 || !CONVERTED.has(id)) return
    // Agreed to, or carried: it goes, and the proofs are good.
    expect(await convert(target, 'logs', { ...BY_MONTH, accept: [id] })).toMatchObject({ state: 'done' })
  })
})
