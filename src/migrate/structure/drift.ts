import { existsSync, readFileSync } from 'node:fs'
import { type Catalog, compareCatalogs, type Difference, hashOf, keyOf } from '../../schema/index.ts'
import { appliedEntries, readHistory } from '../history/history.ts'
import { type MigrateTarget, withReader } from '../running/session.ts'
import { buildFromMigrations, catalogAt } from './build.ts'
import { fileMissing, migrationsUnbuildable } from './errors.ts'
import { type ScratchOptions, withScratch } from './scratch.ts'

/** What a database is held against. */
export type Against =
  /** What those of a folder's migrations that ran here build on a scratch database. */
  | ({ readonly kind: 'migrations' } & Pick<MigrateTarget, 'directory' | 'history'>)
  | { readonly kind: 'snapshot'; readonly path: string }
  | { readonly kind: 'database'; readonly url: string }

/** How it is compared. */
export interface DriftOptions extends ScratchOptions {
  /** Holdfast's own schema, which is left out. Default `holdfast`. */
  readonly ownSchema?: string
  /** Roles whose grants and default privileges are settled elsewhere: by access roles. Default: none. */
  readonly managedRoles?: readonly string[]
  /** Qualified names of tables whose partitions are looked after elsewhere: by upkeep. Default: none. */
  readonly partitionedTables?: readonly string[]
}

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
 * @throws HF_STRUCTURE_FILE, HF_SCHEMA_MISSING
 */
export async function findDrift(url: string, against: Against, options: DriftOptions = {}): Promise<Drift> {
  const managed = new Set(options.managedRoles)
  const kept = new Set(options.partitionedTables)
  const settledElsewhere = (catalog: Catalog): Catalog =>
    withoutPartitionsOf(kept, withoutGrantsTo(managed, catalog))
  const actual = settledElsewhere(await catalogAt(url, options.ownSchema))
  const expected = settledElsewhere(await expectedOf(url, against, options))
  return {
    differences: compareCatalogs(expected, actual),
    hash: { actual: hashOf(actual), expected: hashOf(expected) },
    notCompared: [...new Set([...actual.notCompared, ...expected.notCompared])],
    versions: { actual: actual.serverVersion, expected: expected.serverVersion },
  }
}

/** Grants are written as `role=PRIVILEGES`. */
function withoutGrantsTo(roles: ReadonlySet<string>, catalog: Catalog): Catalog {
  if (roles.size === 0) return catalog
  const isTheirs = (grant: unknown): boolean =>
    typeof grant === 'string' && roles.has(grant.slice(0, grant.lastIndexOf('=')))
  const objects = catalog.objects
    .filter(({ kind, attributes }) => kind !== 'default privileges' || !roles.has(String(attributes.role)))
    .map((object) => {
      const { grants, ...rest } = object.attributes
      const others = Array.isArray(grants) ? grants.filter((grant) => !isTheirs(grant)) : []
      return { ...object, attributes: others.length === 0 ? rest : { ...rest, grants: others } }
    })
  return { ...catalog, objects }
}

/** Partitions of these tables, with all that is theirs. */
function withoutPartitionsOf(tables: ReadonlySet<string>, catalog: Catalog): Catalog {
  if (tables.size === 0) return catalog
  const partitions = new Set<string>()
  const isTheirs = ({ attributes, name }: Catalog['objects'][number]): boolean => {
    const { partitionOf } = attributes
    return (
      typeof partitionOf === 'string' &&
      (tables.has(partitionOf) || partitions.has(partitionOf)) &&
      !partitions.has(name)
    )
  }
  // Partitions may have partitions of their own.
  for (
    let found = catalog.objects.filter(isTheirs);
    found.length > 0;
    found = catalog.objects.filter(isTheirs)
  )
    for (const { name } of found) partitions.add(name)
  const gone = new Set([...partitions].map((name) => `table ${name}`))
  const objects = catalog.objects.filter(
    (object) => !gone.has(keyOf(object)) && (object.parent === null || !gone.has(object.parent)),
  )
  return { ...catalog, objects }
}

async function expectedOf(url: string, against: Against, options: DriftOptions): Promise<Catalog> {
  if (against.kind === 'snapshot') return readSnapshot(against.path)
  if (against.kind === 'database') return catalogAt(against.url, options.ownSchema)
  const { directory, history } = against
  const entries = await withReader(url, (client) => readHistory(client, history))
  const only = new Set(appliedEntries(entries).keys())
  return withScratch(options, async (scratch) =>
    catalogAt(
      await buildFromMigrations(scratch, directory, { only }).catch((error: unknown) => {
        throw migrationsUnbuildable(error)
      }),
    ),
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
