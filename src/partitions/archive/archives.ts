import type { Queryable } from '../../core/index.ts'
import { archiveUnknown } from '../errors.ts'
import { readLayout } from '../layout.ts'
import type { PartitionTarget } from '../upkeep.ts'
import { requireKnownFile } from './places.ts'
import { Removals } from './removals.ts'

/** An archive that a partition of a table went to. */
export interface KnownArchive {
  readonly partition: string
  /** Where its manifest lies. */
  readonly manifest: string
  readonly rows: number | null
  readonly archivedAt: Date
}

/**
 * The archives of a table that are written down, the latest first; whether they are still there is not looked at.
 * @param table its qualified name
 * @throws HF_PARTITION_TABLE, HF_PARTITION_NONE, HF_PARTITION_KEY, HF_PARTITION_OWN_SCHEMA
 */
export async function listArchives(db: Queryable, ownSchema: string, table: string): Promise<KnownArchive[]> {
  const { sql } = await readLayout(db, table)
  return (await new Removals(db, ownSchema).list(sql)).flatMap(({ partition, archive, rows, at }) =>
    archive === null ? [] : [{ partition, manifest: archive, rows, archivedAt: at }],
  )
}

/**
 * Where the manifest of a partition's latest archive lies.
 * @throws as {@link listArchives}; HF_PARTITION_ARCHIVE_UNKNOWN, HF_PARTITION_ARCHIVE_PLACE
 */
export async function manifestOf(
  db: Queryable,
  target: Pick<PartitionTarget, 'ownSchema' | 'archivePlaces'>,
  table: string,
  partition: string,
): Promise<string> {
  const found = (await listArchives(db, target.ownSchema, table)).find((one) => one.partition === partition)
  if (!found) throw archiveUnknown(table, partition)
  requireKnownFile(target, found.manifest)
  return found.manifest
}
