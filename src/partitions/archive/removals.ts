import { type Queryable, quoteQualified, uuidv7 } from '../../core/index.ts'
import { recordBroken } from '../errors.ts'
import { queryOwn } from '../own-table.ts'
import type { Archived } from './archive.ts'

/** A partition that was taken away for good, or is being so. */
export interface Removal {
  readonly id: string
  readonly table: string
  readonly partition: string
  readonly how: 'drop' | 'archive'
  readonly state: 'begun' | 'done' | 'restored'
  /** Its limits, as ATTACH PARTITION takes them. */
  readonly bounds: string
  /** Manifest of its archive. */
  readonly archive: string | null
  readonly rows: number | null
  readonly at: Date
}

/** The table `partition_removals` of Holdfast's own schema. */
export class Removals {
  readonly #db: Queryable
  readonly #schema: string

  constructor(db: Queryable, schema: string) {
    this.#db = db
    this.#schema = schema
  }

  /** Of one table, the latest first. @throws HF_PARTITION_OWN_SCHEMA, HF_PARTITION_RECORD for one that names nothing */
  async list(table: string): Promise<Removal[]> {
    const removals = await this.#run<Removal>(
      `SELECT id, relation AS "table", partition, how, state, bounds, archive, rows::float8 AS rows, updated_at AS at FROM ${this.#table}
        WHERE relation = $1 ORDER BY created_at DESC, id DESC`,
      [table],
    )
    const broken = removals.find(({ partition }) => partition === '')
    if (broken) throw recordBroken(table, `removal ${broken.id}`, 'it names no partition')
    return removals
  }

  /** Of all tables: the names of partitions that somebody brought back, which retention leaves alone. */
  async restoredNames(): Promise<Map<string, Set<string>>> {
    const rows = await this.#run<{ table: string; partition: string }>(
      `SELECT relation AS "table", partition FROM ${this.#table} WHERE state = 'restored'`,
      [],
    )
    const names = new Map<string, Set<string>>()
    for (const { table, partition } of rows) names.set(table, (names.get(table) ?? new Set()).add(partition))
    return names
  }

  /** Before anything is done: what is killed midway is known, and ended by the next run. @returns the removal's id */
  async begin(table: string, partition: string, how: Removal['how'], bounds: string): Promise<string> {
    const [row] = await this.#run<{ id: string }>(
      `INSERT INTO ${this.#table} (id, relation, partition, how, bounds) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (relation, partition) WHERE state <> 'done' DO UPDATE SET how = excluded.how, state = 'begun', bounds = excluded.bounds, updated_at = now()
       RETURNING id`,
      [uuidv7(), table, partition, how, bounds],
    )
    return row?.id ?? ''
  }

  /** @param manifest where it lies @param archived null where it was only dropped */
  async done(
    table: string,
    partition: string,
    manifest: string | null,
    archived: Archived | null,
  ): Promise<void> {
    await this.#run(
      `UPDATE ${this.#table} SET state = 'done', archive = $3, rows = $4, sha256 = $5, updated_at = now()
        WHERE relation = $1 AND partition = $2 AND state = 'begun'`,
      [table, partition, manifest, archived?.manifest.rows ?? null, archived?.manifest.sha256 ?? null],
    )
  }

  /** Brought back by somebody: retention leaves it alone from now on. */
  async restored(table: string, partition: string, bounds: string): Promise<void> {
    await this.#run(
      `INSERT INTO ${this.#table} (id, relation, partition, how, state, bounds) VALUES ($1, $2, $3, 'archive', 'restored', $4)
       ON CONFLICT (relation, partition) WHERE state <> 'done' DO UPDATE SET state = 'restored', updated_at = now()`,
      [uuidv7(), table, partition, bounds],
    )
  }

  get #table(): string {
    return quoteQualified(this.#schema, 'partition_removals')
  }

  #run<Row>(text: string, values: unknown[]): Promise<Row[]> {
    return queryOwn(this.#db, this.#schema, text, values)
  }
}
