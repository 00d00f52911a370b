import type pg from 'pg'
import { type Queryable, quoteQualified } from '../core/index.ts'
import { wholePlace } from '../storage/index.ts'
import { type BrokenRecord, faultOfTimes, isBroken, queryOwn } from './own-table.ts'
import { notManaged, recordBroken } from './errors.ts'
import { readLayoutNamed } from './layout.ts'
import { type Every, parseEvery } from './period.ts'

/** How the partitions of a table are kept. */
export interface Policy {
  /** Qualified name of the table, quoted where it has to be. */
  readonly table: string
  readonly every: Every
  /** Partitions that are made ahead of the current one. */
  readonly premake: number
  /** Partitions that are kept behind the current one; null keeps all. */
  readonly keep: number | null
  /** What becomes of older ones. */
  readonly retention: 'detach' | 'archive' | 'drop'
  /** Folder, or bucket, that they are archived to. */
  readonly archiveTo: string | null
  readonly maintainedAt: Date | null
  /** Why that failed. */
  readonly lastError: string | null
}

/** What of it somebody wishes. */
export interface PolicyWishes {
  /** Partitions made ahead of the current one. Default 6. */
  readonly premake?: number | undefined
  /** Partitions kept behind the current one. Default: all. */
  readonly keep?: number | undefined
  /** What becomes of older ones. Default `detach`. `archive` needs `archiveTo`. */
  readonly retention?: Policy['retention'] | undefined
  /** Folder that they are archived to, or a bucket as `s3://bucket/prefix`. */
  readonly archiveTo?: string | undefined
}

export type Kept = Pick<Policy, 'premake' | 'keep' | 'retention' | 'archiveTo'>

const PREMAKE = 6
/** More would be a length that is too short. */
const MOST = 1_000

/** @throws RangeError for what makes no sense */
export function resolvePolicy({
  premake = PREMAKE,
  keep,
  retention = 'detach',
  archiveTo,
}: PolicyWishes): Kept {
  for (const count of [premake, keep])
    if (count !== undefined && !(Number.isInteger(count) && count >= 1 && count <= MOST))
      throw new RangeError(`${count} is no number of partitions: a whole one from 1 to ${MOST}`)
  if ((retention === 'archive') !== (archiveTo !== undefined))
    throw new RangeError('a folder to archive to belongs to the retention archive, and it to a folder')
  return {
    premake,
    keep: keep ?? null,
    retention,
    archiveTo: archiveTo === undefined ? null : wholePlace(archiveTo),
  }
}

/** Why something is no way to keep partitions; undefined where it is one. Pure. */
export function faultOfKept({
  premake,
  keep,
  retention,
  archiveTo,
}: Readonly<Record<string, unknown>>): string | undefined {
  const isCount = (value: unknown): boolean =>
    Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MOST
  if (!isCount(premake)) return 'premake is no number of partitions'
  if (keep !== null && !isCount(keep)) return 'keep is no number of partitions'
  if (retention !== 'detach' && retention !== 'archive' && retention !== 'drop')
    return 'its retention is none'
  return (retention === 'archive') === (typeof archiveTo === 'string')
    ? undefined
    : 'its retention and its place do not belong together'
}

/** The table `partitioned_tables` of Holdfast's own schema. */
export class Policies {
  readonly #db: Queryable
  readonly #schema: string

  constructor(db: Queryable, schema: string) {
    this.#db = db
    this.#schema = schema
  }

  /** By the names of their tables, but for those that are broken. @throws HF_PARTITION_OWN_SCHEMA */
  async list(): Promise<Policy[]> {
    return (await this.#read()).filter((one) => !isBroken(one)) as Policy[]
  }

  /** Rows that nobody can go by. @throws HF_PARTITION_OWN_SCHEMA */
  async broken(): Promise<BrokenRecord[]> {
    return (await this.#read()).filter(isBroken)
  }

  async #read(): Promise<(Policy | BrokenRecord)[]> {
    const rows = await this.#run<Omit<Policy, 'every'> & { every: string }>(
      `SELECT relation AS "table", every, premake, keep, retention, archive_to AS "archiveTo", maintained_at AS "maintainedAt",
              last_error AS "lastError" FROM ${this.#table} ORDER BY relation`,
    )
    return rows.map((row) => {
      const every = parseEvery(row.every)
      const why = faultOfKept({ ...row }) ?? faultOfTimes([row.maintainedAt])
      return every === undefined || why !== undefined
        ? { table: row.table, record: 'policy', why: why ?? `its length ${row.every} is none` }
        : { ...row, every }
    })
  }

  /** All, or that of one table. @param table as SQL names it @throws HF_PARTITION_NOT_MANAGED, HF_PARTITION_TABLE */
  async chosen(client: pg.Client, table: string | undefined): Promise<Policy[]> {
    const all = await this.list()
    if (table === undefined) return all
    const { sql } = await readLayoutNamed(client, table)
    const found = all.filter((one) => one.table === sql)
    const broken = (await this.broken()).find((one) => one.table === sql)
    if (broken) throw recordBroken(sql, broken.record, broken.why)
    if (found.length === 0) throw notManaged(sql)
    return found
  }

  /** Puts a table under upkeep, or says anew how it is kept. */
  async set({
    table,
    every,
    premake,
    keep,
    retention,
    archiveTo,
  }: Omit<Policy, 'maintainedAt' | 'lastError'>): Promise<void> {
    await this.#run(
      `INSERT INTO ${this.#table} (relation, every, premake, keep, retention, archive_to) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (relation) DO UPDATE SET every = excluded.every, premake = excluded.premake, keep = excluded.keep,
                                            retention = excluded.retention, archive_to = excluded.archive_to, updated_at = now()`,
      [table, String(every), premake, keep, retention, archiveTo],
    )
  }

  async remove(table: string): Promise<void> {
    await this.#run(`DELETE FROM ${this.#table} WHERE relation = $1`, [table])
  }

  /** Writes down that a table was looked after, or why not. */
  async note(table: string, error: string | null): Promise<void> {
    await this.#run(
      `UPDATE ${this.#table} SET maintained_at = CASE WHEN $2::text IS NULL THEN now() ELSE maintained_at END, last_error = $2
        WHERE relation = $1`,
      [table, error],
    )
  }

  get #table(): string {
    return quoteQualified(this.#schema, 'partitioned_tables')
  }

  #run<Row>(text: string, values: unknown[] = []): Promise<Row[]> {
    return queryOwn(this.#db, this.#schema, text, values)
  }
}
