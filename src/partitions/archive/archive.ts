import { type Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdCompress, createZstdDecompress } from 'node:zlib'
import type pg from 'pg'
import { messageOf, toolVersion, uuidv7 } from '../../core/index.ts'
import { archiveDamaged } from '../errors.ts'
import { type ArchivedColumn, columnsOf, exactly, fingerprint, linesOf, Tally } from './rows.ts'
import type { ArchiveStore } from './store.ts'

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
  readonly rows: number
  readonly file: string
  /** Of the file. */
  readonly bytes: number
  readonly sha256: string
  /** Of what is in it, unpacked. */
  readonly content_sha256: string
  /** Of its rows, in whatever order: the hashes of the lines, summed up. */
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
 * Writes the rows of a partition as zstd-compressed lines of JSON with a manifest, and reads them back. Nothing is dropped here.
 * @throws HF_PARTITION_ARCHIVE_DAMAGED when what is read back is not what was written
 */
export async function archivePartition(
  client: pg.Client,
  store: ArchiveStore,
  subject: Subject,
): Promise<Archived> {
  const { table, partition, sql, column, bounds } = subject
  const base = fileName(table, partition)
  const file = `${base}.ndjson.zst`
  const name = `${base}.manifest.json`
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  try {
    await client.query(exactly)
    const columns = await columnsOf(client, sql)
    const [content, packed] = [new Tally(), new Tally()]
    const counted = async function* (): AsyncGenerator<Buffer> {
      for await (const lines of linesOf(client, sql, columns)) {
        const chunk = Buffer.from(lines)
        content.lines(chunk)
        yield chunk
      }
    }
    const compressed = through(Readable.from(counted()), createZstdCompress())
    await store.write(file, Readable.from(counting(compressed, packed)))
    const manifest: Manifest = {
      format: 1,
      table,
      partition,
      column,
      bounds,
      columns,
      rows: content.rows,
      file,
      bytes: packed.bytes,
      sha256: packed.digest(),
      content_sha256: content.digest(),
      rows_sum: content.sum,
      archived_at: new Date().toISOString(),
      archived_by: `holdfast ${toolVersion()}`,
    }
    await store.write(name, Readable.from([`${JSON.stringify(manifest, null, 2)}\n`]))
    await checkArchive(store, await readManifest(store, name))
    return { manifest, name, fingerprint: await fingerprint(client, sql, columns) }
  } finally {
    await client.query('ROLLBACK').catch(() => {}) // the connection is gone: so is its transaction
  }
}

async function* counting(source: AsyncIterable<Buffer>, tally: Tally): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    tally.chunk(chunk)
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
export async function checkArchive(store: ArchiveStore, manifest: Manifest): Promise<void> {
  const [content, packed] = [new Tally(), new Tally()]
  try {
    const unpacked = through(
      Readable.from(counting(store.read(manifest.file), packed)),
      createZstdDecompress(),
    )
    for await (const chunk of unpacked) content.lines(chunk as Buffer)
  } catch (error) {
    throw archiveDamaged(manifest.file, messageOf(error), error)
  }
  if (packed.digest() !== manifest.sha256)
    throw archiveDamaged(manifest.file, 'its SHA-256 is not that of the manifest')
  if (content.digest() !== manifest.content_sha256 || content.rows !== manifest.rows)
    throw archiveDamaged(
      manifest.file,
      `it holds ${content.rows} rows, and the manifest says ${manifest.rows}`,
    )
}

/** @throws HF_PARTITION_ARCHIVE_DAMAGED */
export async function readManifest(store: ArchiveStore, name: string): Promise<Manifest> {
  try {
    const chunks: Buffer[] = []
    for await (const chunk of store.read(name)) chunks.push(chunk as Buffer)
    const manifest = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Manifest
    if (manifest.format !== 1)
      throw new Error(`its format is ${String(manifest.format)}, which this version cannot read`)
    return manifest
  } catch (error) {
    throw archiveDamaged(name, messageOf(error), error)
  }
}

/** The lines of an archive, one by one. */
export async function* readLines(store: ArchiveStore, { file }: Manifest): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf8', { fatal: true })
  let rest = ''
  // Not by the line reader: it takes other characters for the end of a line, too.
  for await (const chunk of through(store.read(file), createZstdDecompress())) {
    const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') throw archiveDamaged(file, 'its last line is cut off')
}

/** One stream through another; where either fails, reading fails. */
function through(source: Readable, by: Duplex): Duplex {
  pipeline(source, by).catch(() => {}) // whoever reads is told
  return by
}
