import type pg from 'pg'
import { type Hand, quoteIdentifier, quoteQualified, type Recorder } from '../../core/index.ts'
import { openStore, splitFile, type Store } from '../../storage/index.ts'
import { archiveDamaged, archiveUnfit, partitionBusy, partitionReplica } from '../errors.ts'
import { type Layout, type Partition, readLayoutNamed } from '../layout.ts'
import { readManner, tableLike } from '../make.ts'
import { alone, change, givingWay, isReplica, runAll, withTender } from '../tender.ts'
import type { PartitionTarget } from '../upkeep.ts'
import { checkArchive, encodingOf, type Manifest, readManifest, readRows } from './archive.ts'
import { Removals } from './removals.ts'
import { type ArchivedColumn, columnsOf } from './columns.ts'
import { exactly, RowTally, rowsAsText } from './rows.ts'

/** Which archive is restored. */
export interface RestoreOptions {
  /** The manifest's file: its path, or its address in a bucket; or its name within `store`. */
  readonly manifest: string
  /** Default: where the manifest lies. */
  readonly store?: Store | undefined
  readonly signal?: AbortSignal | undefined
  readonly recorder?: Recorder | undefined
}

/** What was restored. */
export interface Restored {
  readonly table: string
  readonly partition: string
  readonly rows: number
}

/** The check by which attaching needs no scan. */
const LIMIT = 'holdfast_limit'

/**
 * Brings a partition back from its archive, proves that its rows are those that were archived, and attaches it. Retention leaves it
 * alone from then on. In one transaction but for the checking: what is killed leaves nothing.
 *
 * @param table that it belongs to, as SQL names it
 * @throws HF_PARTITION_ARCHIVE_DAMAGED, HF_PARTITION_ARCHIVE_UNFIT, HF_PARTITION_BUSY, HF_PARTITION_REPLICA
 */
export function restoreArchive(
  { url, ownSchema }: PartitionTarget,
  table: string,
  { manifest: path, store: given, signal, recorder }: RestoreOptions,
): Promise<Restored> {
  const [place, name] = given ? ['', path] : splitFile(path)
  const store = given ?? openStore(place)
  return withTender(url, signal, async (tender) => {
    const { client } = tender
    const manifest = await readManifest(store, name)
    await checkArchive(store, manifest)
    const layout = await readLayoutNamed(client, table)
    if (await isReplica(tender)) throw partitionReplica(layout.sql)
    const bounds = boundsOf(name, manifest)
    const there = await columnsOf(client, layout.sql)
    refuseUnfit(name, manifest, layout, there)
    const { partition } = manifest
    const sql = quoteQualified(layout.schema, partition)
    const { rows } = await client.query<{ taken: boolean }>('SELECT to_regclass($1) IS NOT NULL AS taken', [
      sql,
    ])
    // What upkeep has made in its place meanwhile makes room, as long as nobody has written to it.
    const inPlace = layout.partitions.find((one) => one.name === partition && samePlace(one, bounds))
    if (rows[0]?.taken === true && !inPlace) throw archiveUnfit(name, `there is a table ${sql} already`)
    const last = layout.partitions.findLast(({ isDefault }) => !isDefault)
    const manner = await readManner(client, layout.sql, last?.sql)
    const type = there.find((column) => column.name === layout.column)?.type ?? 'text'
    const done = await alone(tender, layout.sql, () =>
      givingWay(tender, layout, `restore ${sql}`, async (_, hand) => {
        await client.query(exactly)
        if (inPlace) await dropEmpty(client, hand, layout, name, inPlace)
        await runAll(
          client,
          hand,
          tableLike(layout, sql, {
            ...manner,
            columns: [
              ...manner.columns,
              `ADD CONSTRAINT ${LIMIT} CHECK (${limitOf(layout.column, type, bounds)})`,
            ],
          }),
        )
        // Types are those of the table: a manifest is a file that anybody may have written.
        const columns = manifest.columns.map((one) => there.find((column) => column.name === one.name) ?? one)
        const encoding = encodingOf(manifest)
        await encoding.put(client, hand, sql, columns, readRows(store, manifest))
        const tally = new RowTally(encoding)
        for await (const some of rowsAsText(hand, sql, manifest.columns, encoding)) tally.add(some)
        if (tally.rows !== manifest.rows || tally.sum !== manifest.rows_sum)
          throw archiveDamaged(
            manifest.file,
            'what was restored from it reads otherwise than what was archived',
          )
        await hand.run(`ALTER TABLE ${layout.sql} ATTACH PARTITION ${sql} ${manifest.bounds}`)
        await hand.run(`ALTER TABLE ${sql} DROP CONSTRAINT ${LIMIT}`)
        await new Removals(client, ownSchema).restored(layout.sql, partition, manifest.bounds)
        return tally.rows
      }),
    )
    if (done === undefined) throw partitionBusy(layout.sql)
    await change(tender, layout, `analyze ${sql}`, [{ ours: `ANALYZE ${sql}` }])
    await recorder?.record({
      action: 'partitions.restore',
      subject: layout.sql,
      details: { partition, rows: done },
    })
    return { table: layout.sql, partition, rows: done }
  })
}

/** @throws HF_PARTITION_ARCHIVE_UNFIT */
function refuseUnfit(
  name: string,
  manifest: Manifest,
  layout: Layout,
  there: readonly ArchivedColumn[],
): void {
  if (layout.column !== manifest.column)
    throw archiveUnfit(name, `it is by ${manifest.column}, and ${layout.sql} by ${layout.column}`)
  if (layout.sql !== manifest.table)
    throw archiveUnfit(name, `it is of ${manifest.table}, not of ${layout.sql}`)
  const lost = manifest.columns.filter((one) => !there.some((column) => column.name === one.name))
  if (lost.length > 0)
    throw archiveUnfit(name, `${layout.sql} has no column ${lost.map((one) => one.name).join(', ')}`)
}

const unquoted = (limit: string): string => limit.replace(/^E?'(.*)'$/, '$1').replaceAll("''", "'")

const samePlace = ({ fromText, toText }: Partition, { from, to }: Bounds): boolean =>
  fromText === unquoted(from) && toText === unquoted(to)

/** @throws HF_PARTITION_ARCHIVE_UNFIT where it has rows */
async function dropEmpty(
  client: pg.Client,
  hand: Hand,
  layout: Layout,
  name: string,
  { sql }: Partition,
): Promise<void> {
  await client.query(`LOCK TABLE ONLY ${layout.sql} IN ACCESS EXCLUSIVE MODE`)
  await client.query(`LOCK TABLE ${sql} IN ACCESS EXCLUSIVE MODE`)
  const rows = await hand.rows<{ has: boolean }>(`SELECT EXISTS (SELECT FROM ${sql}) AS has`)
  if (rows[0]?.has === true)
    throw archiveUnfit(name, `there is a partition ${sql} already, and rows are in it`)
  await hand.run(`ALTER TABLE ${layout.sql} DETACH PARTITION ${sql}`)
  await hand.run(`DROP TABLE ${sql}`)
}

interface Bounds {
  readonly from: string
  readonly to: string
}

/** The limits as the manifest holds them: literals, or no limit. @throws HF_PARTITION_ARCHIVE_UNFIT */
function boundsOf(name: string, { bounds }: Manifest): Bounds {
  const one = String.raw`(MINVALUE|MAXVALUE|E?'(?:[^'\\]|'')*')`
  const match = new RegExp(String.raw`^FOR VALUES FROM \(${one}\) TO \(${one}\)$`).exec(bounds)
  if (!match)
    throw archiveUnfit(name, 'its manifest does not say where it begins and ends; restore it by hand')
  return { from: match[1] as string, to: match[2] as string }
}

function limitOf(column: string, type: string, { from, to }: Bounds): string {
  const key = quoteIdentifier(column)
  return [
    `${key} IS NOT NULL`,
    ...(from === 'MINVALUE' ? [] : [`${key} >= ${from}::${type}`]),
    ...(to === 'MAXVALUE' ? [] : [`${key} < ${to}::${type}`]),
  ].join(' AND ')
}
