/** What is measured beats what is inferred; and what is called safe can be pasted. */
import { join } from 'node:path'
import { parse } from 'libpg-query'
import { describe, expect, inject, test } from 'vitest'
import {
  type LintFinding,
  lintMeasured,
  lintScripts,
  readScript,
  type Script,
  sqlScript,
} from '../../src/migrate/index.ts'
import { MigrationFolder } from '../support/migration-folder.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'

removeScratchAfterwards()

describe('lint --measure', () => {
  /** The last migration of a folder, looked at with and without running it. */
  async function both(
    last: string,
    before = 'CREATE TABLE t (id int PRIMARY KEY, name text, n int)',
  ): Promise<{ inferred: LintFinding[]; measured: LintFinding[] }> {
    const folder = new MigrationFolder('')
    folder.add(before)
    const script: Script = readScript(join(folder.directory, folder.add(last), 'up.sql'))
    const options = { directory: folder.directory, shadowUrl: inject('serverUrl') }
    return { inferred: await lintScripts([script]), measured: await lintMeasured([script], options) }
  }
  const rules = (findings: readonly LintFinding[]): string[] => findings.map(({ rule }) => rule)

  test('takes back what turns out to do nothing, and says what it saw', async () => {
    const harmless = await both('ALTER TABLE t ALTER COLUMN name TYPE varchar')
    expect(rules(harmless.inferred)).toEqual(['change-type'])
    expect(harmless.measured).toEqual([])
    const harmful = await both('ALTER TABLE t ALTER COLUMN n TYPE bigint')
    expect(harmful.measured).toMatchObject([
      {
        rule: 'change-type',
        evidence: 'measured',
        lock: 'ACCESS EXCLUSIVE',
        rewrites: true,
        blocks: { tables: ['public.t'], what: 'reads and writes' },
      },
    ])
  })

  test('sees what no rule can, and what fails', async () => {
    const hidden = await both('DO $$ BEGIN ALTER TABLE t ALTER COLUMN n TYPE bigint; END $$')
    expect(hidden.inferred).toEqual([])
    expect(hidden.measured).toMatchObject([{ rule: 'measured-work', rewrites: true, severity: 'error' }])
    const failing = await both('ALTER TABLE t ADD COLUMN name text')
    expect(rules(failing.measured)).toEqual(['measured-failure'])
    const allowed = await both(
      '-- holdfast: irreversible\n-- holdfast: allow=measured-work reason="a small table"\nDO $$ BEGIN ALTER TABLE t ALTER COLUMN n TYPE bigint; END $$',
    )
    expect(allowed.measured).toEqual([])
  })

  test('runs a script of no folder behind all of them, and one that cannot be in a transaction', async () => {
    const folder = new MigrationFolder('')
    folder.add('CREATE TABLE t (id int, name text)')
    const options = { directory: folder.directory, shadowUrl: inject('serverUrl') }
    const loose = sqlScript('loose.sql', 'CREATE INDEX t_name ON t (name)')
    expect(await lintMeasured([loose], options)).toMatchObject([
      { rule: 'create-index-not-concurrent', evidence: 'measured', lock: 'SHARE', scans: true },
    ])
    const concurrent = sqlScript(
      'loose.sql',
      '-- holdfast: transaction=off\nCREATE INDEX CONCURRENTLY t_name ON t (name)',
    )
    expect(await lintMeasured([concurrent], options)).toEqual([])
  })
})

describe('the safe way', () => {
  test.each([
    'CREATE INDEX "By Name" ON "My S"."T b" ("Na me")',
    'DROP INDEX "My S"."By Name" CASCADE',
    'REINDEX INDEX "My S"."By Name"',
    'REFRESH MATERIALIZED VIEW "My S"."V w"',
    'ALTER TABLE "My S"."T b" ADD COLUMN "C c" uuid DEFAULT gen_random_uuid()',
    'ALTER TABLE "My S"."T b" ADD COLUMN "C c" bigserial',
    'ALTER TABLE "My S"."T b" ADD COLUMN "C c" int GENERATED ALWAYS AS (1) STORED',
    'ALTER TABLE "My S"."T b" ALTER COLUMN "Na me" SET NOT NULL',
    'ALTER TABLE "My S"."T b" ALTER COLUMN "Na me" TYPE bigint',
    'ALTER TABLE "My S"."T b" ADD CONSTRAINT "F k" FOREIGN KEY ("Na me") REFERENCES "My S"."O t" ("I d")',
    'ALTER TABLE "My S"."T b" ADD CHECK ("Na me" > 0)',
    'ALTER TABLE "My S"."T b" ADD CONSTRAINT "U q" UNIQUE ("Na me", "C c")',
    'ALTER TABLE "My S"."T b" ADD PRIMARY KEY ("Na me")',
    'ALTER TABLE "My S"."T b" DETACH PARTITION "My S"."P t"',
    'ALTER TABLE "My S"."T b" RENAME TO "N w"',
    'VACUUM FULL "My S"."T b"',
  ])('of %s parses, its names quoted', async (sql) => {
    const findings = await lintScripts([sqlScript('x.sql', sql)])
    const ways = findings.flatMap(({ safe, severity }) =>
      safe === null || severity === 'info' ? [] : [safe],
    )
    expect(ways.length).toBeGreaterThan(0)
    for (const way of ways) {
      const statements = way.split('\n').filter((line) => !line.startsWith('--'))
      // Directions only: there is nothing to paste.
      if (statements.length === 0) continue
      await expect(parse(statements.join('\n')), way).resolves.toBeDefined()
      if (sql.includes('"T b"')) expect(way).toContain('"My S"."T b"')
    }
  })
})
