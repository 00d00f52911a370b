import { type Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdCompress, createZstdDecompress } from 'node:zlib'
import type pg from 'pg'
import { type Hand, messageOf, toolVersion, uuidv7 } from '../../core/index.ts'
import { archiveDamaged } from '../errors.ts'
import type { Store } from '../../storage/index.ts'
import { ARCHIVE_FORMATS, type ArchiveFormat, ENCODINGS, type Encoding } from './encoding.ts'
import { type ArchivedColumn, columnsOf } from './columns.ts'
import { exactly, fingerprint, RowTally, rowsAsText, Tally } from './rows.ts'

/** What lies beside an archive and says what is in it. */
export interface Manifest {
  readonly format: 1
  /** The table that it was a partition of, and its own name. */
  readonly table: string
  readonly partition: string
  /** The column that the table is partitioned by, and the limits as SQL writes them. */
  readonly column: string
  readonly bounds: string
  readonly columns: readonly ArchivedColumn[]
  /** How the rows are written. */
  readonly encoding: ArchiveFormat
  readonly rows: number
  readonly file: string
  /** Of the file. */
  readonly bytes: number
  readonly sha256: string
  /** Of what is in it, unpacked. */
  readonly content_sha256: string
  /** Of its rows, in whatever order: the hashes of their texts, summed up. */
  readonly rows_sum: string
  readonly archived_at: string
  readonly archived_by: string
}

/** An archive that was read back and found to be what was written. */
export interface Archived {
  readonly manifest: Manifest
  /** Name of the manifest in the store. */
  readonly name: string
  /** Of the rows that were archived: the table must still have it when it is dropped. */
  readonly fingerprint: string
}

/** What is archived: a table, and what it was a partition of. */
export interface Subject {
  readonly table: string
  readonly partition: string
  /** The partition as SQL names it. */
  readonly sql: string
  readonly column: string
  readonly bounds: string
}

/**
 * Writes the rows of a partition as zstd-compressed text with a manifest, and reads them back. Nothing is dropped here.
 * @throws HF_PARTITION_ARCHIVE_DAMAGED when what is read back is not what was written
 */
export async function archivePartition(
  client: pg.Client,
  hand: Hand,
  store: Store,
  subject: Subject,
  format: ArchiveFormat,
): Promise<Archived> {
  const { table, partition, sql, column, bounds } = subject
  const base = fileName(table, partition)
  const encoding = ENCODINGS[format]
  const file = `${base}.${format}.zst`
  const name = `${base}.manifest.json`
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  try {
    await client.query(exactly)
    const columns = await columnsOf(client, sql)
    const [content, rows, packed] = [new Tally(), new RowTally(encoding), new Tally()]
    const text = async function* (): AsyncGenerator<Buffer> {
      const head = Buffer.from(encoding.head(columns))
      if (head.length > 0) yield head
      yield* counting(rowsAsText(hand, sql, columns, encoding), rows)
    }
    const compressed = through(Readable.from(counting(text(), content)), createZstdCompress())
    await store.write(file, Readable.from(counting(compressed, packed)))
    const manifest: Manifest = {
      format: 1,
      table,
      partition,
      column,
      bounds,
      columns,
      encoding: format,
      rows: rows.rows,
      file,
      bytes: packed.bytes,
      sha256: packed.digest(),
      content_sha256: content.digest(),
      rows_sum: rows.sum,
      archived_at: new Date().toISOString(),
      archived_by: `holdfast ${toolVersion()}`,
    }
    await store.write(name, Readable.from([`${JSON.stringify(manifest, null, 2)}\n`]))
    await checkArchive(store, await readManifest(store, name))
    return { manifest, name, fingerprint: await fingerprint(hand, sql, columns) }
  } finally {
    await client.query('ROLLBACK').catch(() => {}) // the connection is gone: so is its transaction
  }
}

async function* counting(
  source: AsyncIterable<Buffer>,
  tally: { add(data: Buffer): void },
): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    tally.add(chunk)
    yield chunk
  }
}

/** Names may hold anything, and come again; a file's are plain, short, and no other's. */
function fileName(table: string, partition: string): string {
  const plain = (name: string): string => name.replaceAll(/[^\w.-]+/g, '-').slice(0, MOST_LETTERS)
  return `${plain(table)}.${plain(partition)}.${uuidv7()}`
}

const MOST_LETTERS = 60

/** Reads an archive from end to end. @throws HF_PARTITION_ARCHIVE_DAMAGED */
export async function checkArchive(store: Store, manifest: Manifest): Promise<void> {
  const encoding = encodingOf(manifest)
  const [content, rows, packed] = [new Tally(), new RowTally(encoding), new Tally()]
  try {
    const unpacked = through(
      Readable.from(counting(store.read(manifest.file), packed)),
      createZstdDecompress(),
    )
    const counted = counting(unpacked as AsyncIterable<Buffer>, content)
    for await (const chunk of behindHead(counted, encoding, manifest)) rows.add(chunk)
  } catch (error) {
    throw archiveDamaged(manifest.file, messageOf(error), error)
  }
  if (packed.digest() !== manifest.sha256)
    throw archiveDamaged(manifest.file, 'its SHA-256 is not that of the manifest')
  if (!rows.isWhole) throw archiveDamaged(manifest.file, 'its last row is cut off')
  if (content.digest() !== manifest.content_sha256 || rows.rows !== manifest.rows)
    throw archiveDamaged(manifest.file, `it holds ${rows.rows} rows, and the manifest says ${manifest.rows}`)
}

/** @throws HF_PARTITION_ARCHIVE_DAMAGED */
export async function readManifest(store: Store, name: string): Promise<Manifest> {
  try {
    const chunks: Buffer[] = []
    for await (const chunk of store.read(name)) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString('utf8')
    if (!text.startsWith('{'))
      throw new Error('it is no manifest: give the file that ends with .manifest.json')
    const manifest = JSON.parse(text) as Manifest
    if (manifest.format !== 1)
      throw new Error(`its format is ${String(manifest.format)}, which this version cannot read`)
    const fault = faultOf(manifest)
    if (fault !== undefined) throw new Error(`its ${fault} is not what a manifest says there`)
    return manifest
  } catch (error) {
    throw archiveDamaged(name, messageOf(error), error)
  }
}

/** What of a manifest is not of its form: it is a file that anybody may have written. */
function faultOf(manifest: Manifest): string | undefined {
  const texts = ['table', 'partition', 'column', 'bounds', 'file'] as const
  const { columns, rows } = manifest as { readonly columns: unknown; readonly rows: unknown }
  const isColumn = (one: unknown): boolean =>
    typeof one === 'object' && one !== null && typeof (one as { name?: unknown }).name === 'string'
  if (!Array.isArray(columns) || !columns.every(isColumn)) return 'columns'
  if (!Number.isSafeInteger(rows)) return 'rows'
  return texts.find((name) => typeof manifest[name] !== 'string')
}

/** The rows of an archive as text. */
export function readRows(store: Store, manifest: Manifest): AsyncGenerator<Buffer> {
  const unpacked = through(store.read(manifest.file), createZstdDecompress())
  return behindHead(unpacked as AsyncIterable<Buffer>, encodingOf(manifest), manifest)
}

/** Those of before there was a choice do not say. @throws HF_PARTITION_ARCHIVE_DAMAGED */
export function encodingOf({ encoding = 'ndjson', file }: Manifest): Encoding {
  if (!ARCHIVE_FORMATS.includes(encoding))
    throw archiveDamaged(file, `it is written as ${String(encoding)}, which this version cannot read`)
  return ENCODINGS[encoding]
}

/** Without what stands before the rows, which is known to the byte. @throws HF_PARTITION_ARCHIVE_DAMAGED */
async function* behindHead(
  content: AsyncIterable<Buffer>,
  encoding: Encoding,
  { columns, file }: Manifest,
): AsyncGenerator<Buffer> {
  const head = Buffer.from(encoding.head(columns))
  let begin = Buffer.alloc(0)
  let isBehind = false
  for await (const chunk of content) {
    if (isBehind) {
      yield chunk
      continue
    }
    begin = Buffer.concat([begin, chunk])
    if (begin.length < head.length) continue
    if (!begin.subarray(0, head.length).equals(head))
      throw archiveDamaged(file, 'it has other columns than the manifest says')
    isBehind = true
    if (begin.length > head.length) yield begin.subarray(head.length)
  }
  if (!isBehind && head.length > 0) throw archiveDamaged(file, 'its first line is cut off')
}

/** One stream through another; where either fails, reading fails. */
function through(source: Readable, by: Duplex): Duplex {
  pipeline(source, by).catch(() => {}) // whoever reads is told
  return by
}
