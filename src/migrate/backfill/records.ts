import { type Queryable, quoteQualified, SQLSTATE, sqlstateOf } from '../../core/index.ts'
import { schemaMissing } from '../errors.ts'
import { whoRuns } from '../history/who.ts'
import { backfillUnknown } from './errors.ts'

/** How far a backfill is. */
export interface BackfillRecord {
  readonly migrationId: string
  readonly relation: string
  readonly key: string
  readonly state: 'pending' | 'running' | 'paused' | 'done' | 'failed'
  /** Key of the last row that was done, as text. */
  readonly position: string | null
  readonly rowsDone: number
  readonly rowsEstimated: number | null
  readonly batches: number
  /** What it waits for, in words. */
  readonly heldBackBy: string | null
  readonly error: string | null
  readonly worker: string | null
  readonly startedAt: Date | null
  readonly updatedAt: Date
  readonly finishedAt: Date | null
}

const COLUMNS = `migration_id AS "migrationId", relation, key, state, position, rows_done::float8 AS "rowsDone",
  rows_estimated::float8 AS "rowsEstimated", batches::float8 AS batches, held_back_by AS "heldBackBy", error, worker,
  started_at AS "startedAt", updated_at AS "updatedAt", finished_at AS "finishedAt"`

/** The table `backfills` of Holdfast's own schema. */
export class BackfillRecords {
  readonly #db: Queryable
  readonly #schema: string
  readonly #table: string

  constructor(db: Queryable, schema: string) {
    this.#db = db
    this.#schema = schema
    this.#table = quoteQualified(schema, 'backfills')
  }

  /** All of them, the latest migration first. */
  async list(): Promise<BackfillRecord[]> {
    const reading = this.#db.query(`SELECT ${COLUMNS} FROM ${this.#table} ORDER BY migration_id DESC`)
    const { rows } = await reading.catch((error: unknown) => {
      if (sqlstateOf(error) === SQLSTATE.undefinedTable) throw schemaMissing(this.#schema)
      throw error
    })
    return rows as unknown as BackfillRecord[]
  }

  /** Those that are not done, in the order of their migrations. */
  async unfinished(): Promise<BackfillRecord[]> {
    return (await this.list()).filter(({ state }) => state !== 'done').toReversed()
  }

  /** @throws HF_BACKFILL_UNKNOWN */
  async get(id: string): Promise<BackfillRecord> {
    const all = await this.list()
    const found = all.find(({ migrationId }) => migrationId === id)
    if (!found) {
      throw backfillUnknown(
        id,
        all.map(({ migrationId }) => migrationId),
      )
    }
    return found
  }

  async add(id: string, relation: string, key: string): Promise<void> {
    await this.#db.query(
      `INSERT INTO ${this.#table} (migration_id, relation, key) VALUES ($1, $2, $3) ON CONFLICT (migration_id) DO NOTHING`,
      [id, relation, key],
    )
  }

  async remove(id: string): Promise<void> {
    await this.#db.query(`DELETE FROM ${this.#table} WHERE migration_id = $1`, [id])
  }

  /** It begins, or goes on. */
  async begin(id: string, rowsEstimated: number): Promise<void> {
    const { osUser, host } = whoRuns()
    await this.#db.query(
      `UPDATE ${this.#table} SET state = 'running', worker = $2, rows_estimated = coalesce(rows_estimated, $3), error = NULL,
              held_back_by = NULL, started_at = coalesce(started_at, now()), updated_at = now()
        WHERE migration_id = $1 AND state <> 'paused'`,
      [id, `${osUser}@${host}, process ${process.pid}`, rowsEstimated],
    )
  }

  /** One batch is through: to be written in its transaction. */
  async advance(id: string, position: string, rows: number): Promise<void> {
    await this.#db.query(
      `UPDATE ${this.#table} SET position = $2, rows_done = rows_done + $3, batches = batches + 1, updated_at = now()
        WHERE migration_id = $1`,
      [id, position, rows],
    )
  }

  async holdBack(id: string, reason: string): Promise<void> {
    await this.#db.query(
      `UPDATE ${this.#table} SET held_back_by = $2, updated_at = now() WHERE migration_id = $1 AND held_back_by IS DISTINCT FROM $2`,
      [id, reason],
    )
  }

  async finish(id: string): Promise<void> {
    await this.#db.query(
      `UPDATE ${this.#table} SET state = 'done', worker = NULL, held_back_by = NULL, finished_at = now(), updated_at = now()
        WHERE migration_id = $1`,
      [id],
    )
  }

  async fail(id: string, error: string): Promise<void> {
    await this.#db.query(
      `UPDATE ${this.#table} SET state = 'failed', worker = NULL, error = $2, updated_at = now() WHERE migration_id = $1`,
      [id, error],
    )
  }

  /** Makes whoever runs it wait from the next batch on. @throws HF_BACKFILL_UNKNOWN */
  async pause(id: string): Promise<BackfillRecord> {
    await this.#db.query(
      `UPDATE ${this.#table} SET state = 'paused', updated_at = now() WHERE migration_id = $1 AND state IN ('pending', 'running', 'failed')`,
      [id],
    )
    return this.get(id)
  }

  /** Lets it go on. @throws HF_BACKFILL_UNKNOWN */
  async resume(id: string): Promise<BackfillRecord> {
    await this.#db.query(
      `UPDATE ${this.#table} SET state = 'pending', updated_at = now() WHERE migration_id = $1 AND state = 'paused'`,
      [id],
    )
    return this.get(id)
  }
}

/** A backfill as the command line and the API print it. */
export function backfillAsJson(record: BackfillRecord) {
  return {
    id: record.migrationId,
    table: record.relation,
    key: record.key,
    state: record.state,
    position: record.position,
    rows_done: record.rowsDone,
    rows_estimated: record.rowsEstimated,
    batches: record.batches,
    held_back_by: record.heldBackBy,
    error: record.error,
    worker: record.worker,
    started_at: record.startedAt?.toISOString() ?? null,
    updated_at: record.updatedAt.toISOString(),
    finished_at: record.finishedAt?.toISOString() ?? null,
  }
}
