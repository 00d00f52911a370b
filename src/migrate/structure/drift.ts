import { existsSync, readFileSync } from 'node:fs'
import { type Catalog, compareCatalogs, type Difference, hashOf } from '../../schema/index.ts'
import { appliedEntries, readHistory } from '../history/history.ts'
import { type MigrateTarget, withClient } from '../running/session.ts'
import { buildFromMigrations, catalogAt } from './build.ts'
import { fileMissing } from './errors.ts'
import { type ScratchOptions, withScratch } from './scratch.ts'

/** What a database is held against. */
export type Against =
  /** What those of a folder's migrations that ran here build on a scratch database. */
  | ({ readonly kind: 'migrations' } & Pick<MigrateTarget, 'directory' | 'history'>)
  | { readonly kind: 'snapshot'; readonly path: string }
  | { readonly kind: 'database'; readonly url: string }

/** How a database differs from what it should be. */
export interface Drift {
  readonly differences: readonly Difference[]
  /** Of the structure that is there, and of the one that is expected. */
  readonly hash: { readonly actual: string; readonly expected: string }
  readonly notCompared: readonly string[]
  /** The two were read from different major versions: definitions may be in other words. */
  readonly versions: { readonly actual: number; readonly expected: number }
}

/**
 * Says exactly how a database differs from its migrations, a snapshot, or another database.
 * @param ownSchema Holdfast's own, which is left out
 * @throws HF_STRUCTURE_FILE, HF_SCHEMA_MISSING
 */
export async function findDrift(
  url: string,
  against: Against,
  options: ScratchOptions & { ownSchema?: string } = {},
): Promise<Drift> {
  const actual = await catalogAt(url, options.ownSchema)
  const expected = await expectedOf(url, against, options)
  return {
    differences: compareCatalogs(expected, actual),
    hash: { actual: hashOf(actual), expected: hashOf(expected) },
    notCompared: [...new Set([...actual.notCompared, ...expected.notCompared])],
    versions: { actual: actual.serverVersion, expected: expected.serverVersion },
  }
}

async function expectedOf(
  url: string,
  against: Against,
  options: ScratchOptions & { ownSchema?: string },
): Promise<Catalog> {
  if (against.kind === 'snapshot') return readSnapshot(against.path)
  if (against.kind === 'database') return catalogAt(against.url, options.ownSchema)
  const { directory, history } = against
  const entries = await withClient(url, (client) => readHistory(client, history))
  const only = new Set(appliedEntries(entries).keys())
  return withScratch(options, async (scratch) =>
    catalogAt(await buildFromMigrations(scratch, directory, { only })),
  )
}

/** @throws HF_STRUCTURE_FILE where there is none, or it is none */
export function readSnapshot(path: string): Catalog {
  if (!existsSync(path)) throw fileMissing(path, 'Write one: holdfast schema snapshot.')
  try {
    const catalog = JSON.parse(readFileSync(path, 'utf8')) as Catalog
    if (catalog.format !== 1 || !Array.isArray(catalog.objects)) throw new TypeError('another format')
    return catalog
  } catch {
    throw fileMissing(path, 'It is not a snapshot of this version. Write it anew: holdfast schema snapshot.')
  }
}
