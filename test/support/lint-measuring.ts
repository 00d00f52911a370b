import { readCatalog } from '../../src/schema/index.ts'
import pg from 'pg'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { sqlScript } from '../../src/migrate/format/script.ts'
import { specialKindOf } from '../../src/migrate/format/special-statements.ts'
import { splitStatements } from '../../src/migrate/format/statements.ts'
import { inferEffects } from '../../src/migrate/lint/effects.ts'
import type { LintFinding } from '../../src/migrate/lint/finding.ts'
import { learn } from '../../src/migrate/lint/learning.ts'
import { Linter } from '../../src/migrate/lint/lint.ts'
import { Measurer } from '../../src/migrate/lint/measure.ts'
import type { Knowledge } from '../../src/migrate/lint/world.ts'
import { createTestDatabase, type TestDatabase } from '../../src/testing/index.ts'
import { CORPUS, type CorpusEntry } from './lint-corpus.ts'
import { FIXTURE } from './lint-fixture.ts'

/** What a statement does, in a word or two: `ACCESS EXCLUSIVE, scan, rewrite`. */
export type Doing = string

const inWords = (lock: string | null, scans: boolean, rewrites: boolean): Doing =>
  [lock ?? 'no lock', ...(scans ? ['scan'] : []), ...(rewrites ? ['rewrite'] : [])].join(', ')

/** One entry of the corpus on one server. */
export interface Examined {
  readonly entry: CorpusEntry
  readonly findings: readonly LintFinding[]
  readonly inferred: Doing
  /** What it was seen to do, or why it failed. */
  readonly measured: Doing
}

/** Entries that a server of this version knows. */
export const entriesFor = (version: number): CorpusEntry[] =>
  CORPUS.filter(({ since = 0 }) => version >= since)

/** Lints every entry and runs it on a server of its version, which it stops at the end. */
export async function examineCorpus(version: number, server: EmbeddedServer): Promise<Examined[]> {
  try {
    const template = await createTestDatabase(server.url)
    const client = new pg.Client(template.url)
    await client.connect()
    await client.query(FIXTURE)
    const catalog = await readCatalog(client)
    await client.end()
    return await examineAll(server, template, catalog, version)
  } finally {
    await server.stop()
  }
}

async function examineAll(
  server: EmbeddedServer,
  template: TestDatabase,
  catalog: Knowledge,
  version: number,
): Promise<Examined[]> {
  const shared = await createTestDatabase(server.url, template.name)
  const measurer = await Measurer.open(shared.url)
  const examined: Examined[] = []
  for (const entry of entriesFor(version)) {
    const off = entry.off ? '-- holdfast: transaction=off\n' : ''
    const script = sqlScript('corpus.sql', `${off}${entry.before ? `${entry.before};\n` : ''}${entry.sql}`)
    const linted = await (await Linter.create({ catalog, version })).lint(script)
    const { world } = await Linter.create({ catalog, version })
    const statements = await splitStatements(script)
    for (const { node } of statements.slice(0, -1)) learn(world, node)
    const last = statements.at(-1) as (typeof statements)[number]
    const { lock, scans, rewrites } = inferEffects(last.node, world, version).summary(world)
    let measurement
    if (specialKindOf(last.node) === undefined) {
      measurement = await measurer.measure(last, { after: statements.slice(0, -1).map(({ text }) => text) })
    } else {
      const own = await createTestDatabase(server.url, template.name)
      const alone = await Measurer.open(own.url)
      measurement = await alone.measure(last)
      await alone.close()
      await own.drop()
    }
    const { error } = measurement
    // What cannot be seen is taken as inferred.
    const seen = inWords(measurement.lock, measurement.scans ?? scans, measurement.rewrites)
    examined.push({
      entry,
      findings: linted.at(-1)?.findings ?? [],
      inferred: inWords(lock, scans, rewrites),
      measured: error === null ? seen : `fails: ${error}`,
    })
  }
  await measurer.close()
  return examined
}
