import { hostname, userInfo } from 'node:os'
import { type Queryable, quoteQualified, uuidv7 } from '../../core/index.ts'
import { recordBroken } from '../errors.ts'
import { type BrokenRecord, faultOfTimes, isBroken, queryOwn } from '../own-table.ts'
import type { ConversionPlan, StepName } from './plan.ts'
import { faultOfPlan } from './plan-form.ts'

/** A conversion as it is written down. */
export interface Conversion {
  readonly id: string
  readonly table: string
  readonly kind: 'attach' | 'split'
  /** `running`, also when nobody is at it just now. */
  readonly state: 'running' | 'aborting' | 'done' | 'aborted' | 'undone'
  readonly plan: ConversionPlan
  /** The last step that was begun, and whether it was ended. */
  readonly step: StepName | null
  readonly stepDone: boolean
  /** Rows that were copied. */
  readonly rowsDone: number
  /** Primary key of the last of them. */
  readonly position: readonly string[] | null
  /** What proving it found. */
  readonly notes: readonly string[]
  /** Why the last attempt ended. */
  readonly error: string | null
  readonly startedAt: Date
  readonly updatedAt: Date
  readonly finishedAt: Date | null
  /** Until when a split can be undone without losing anything. */
  readonly undoUntil: Date | null
}

/** Begun, and neither ended nor taken back. */
export const isOpen = ({ state }: Pick<Conversion, 'state'>): boolean =>
  state === 'running' || state === 'aborting'

const COLUMNS = `id, relation AS "table", kind, state, plan, step, step_done AS "stepDone", rows_done::float8 AS "rowsDone", position, notes, error,
  created_at AS "startedAt", updated_at AS "updatedAt", finished_at AS "finishedAt", undo_until AS "undoUntil"`

function faultOfCourse({ position, notes, step, plan }: Conversion): string | undefined {
  const areTexts = (value: unknown): boolean =>
    Array.isArray(value) && value.every((one) => typeof one === 'string')
  if (position !== null && !areTexts(position)) return 'its position is none'
  if (!areTexts(notes)) return 'its notes are none'
  return step === null || plan.steps.some(({ name }) => name === step)
    ? undefined
    : 'it is at a step that its plan has not'
}

/** The table `partition_conversions` of Holdfast's own schema. */
export class Conversions {
  readonly #db: Queryable
  readonly #schema: string

  constructor(db: Queryable, schema: string) {
    this.#db = db
    this.#schema = schema
  }

  /**
   * The latest first; of one table, or all but those that are broken.
   * @throws HF_PARTITION_OWN_SCHEMA; HF_PARTITION_RECORD for a table with one that is broken
   */
  async list(table?: string): Promise<Conversion[]> {
    const rows = await this.#read(table)
    const broken = rows.find(isBroken)
    if (table !== undefined && broken) throw recordBroken(table, broken.record, broken.why)
    return rows.filter((row) => !isBroken(row)) as Conversion[]
  }

  /** Rows that nobody can go by. @throws HF_PARTITION_OWN_SCHEMA */
  async broken(): Promise<BrokenRecord[]> {
    return (await this.#read()).filter(isBroken)
  }

  async #read(table?: string): Promise<(Conversion | BrokenRecord)[]> {
    const rows = await this.#run<Conversion>(
      `SELECT ${COLUMNS} FROM ${this.#table} WHERE $1::text IS NULL OR relation = $1 ORDER BY created_at DESC, id DESC`,
      [table ?? null],
    )
    return rows.map((row) => {
      const { startedAt, updatedAt, finishedAt, undoUntil } = row
      const why =
        faultOfPlan(row.table, row.kind, row.plan) ??
        faultOfCourse(row) ??
        faultOfTimes([startedAt, updatedAt, finishedAt, undoUntil])
      return why === undefined ? row : { table: row.table, record: `conversion ${row.id}`, why }
    })
  }

  async begin(plan: ConversionPlan): Promise<Conversion> {
    const [begun] = await this.#run<Conversion>(
      `INSERT INTO ${this.#table} (id, relation, kind, plan, started_by) VALUES ($1, $2, $3, $4, $5) RETURNING ${COLUMNS}`,
      [
        uuidv7(),
        plan.table,
        plan.kind,
        JSON.stringify(plan),
        `${userInfo().username}@${hostname()} ${process.pid}`,
      ],
    )
    return begun as Conversion
  }

  async begun(id: string, step: StepName): Promise<void> {
    await this.#set(id, 'step = $2, step_done = false, error = NULL', [step])
  }

  async ended(id: string, step: StepName): Promise<void> {
    await this.#set(id, 'step = $2, step_done = true', [step])
  }

  /** With a batch, in its transaction. @param position null: it was the last, and may be copied again */
  async copied(id: string, rows: number, position: readonly string[] | null): Promise<void> {
    await this.#set(id, 'rows_done = rows_done + $2, position = coalesce($3::jsonb, position)', [
      rows,
      position && JSON.stringify(position),
    ])
  }

  async noted(id: string, notes: readonly string[]): Promise<void> {
    await this.#set(id, 'notes = notes || $2::jsonb', [JSON.stringify(notes)])
  }

  async failed(id: string, error: string): Promise<void> {
    await this.#set(id, 'error = $2', [error])
  }

  /** From here on it can only be aborted. */
  async aborting(id: string): Promise<void> {
    await this.#set(id, `state = 'aborting'`, [])
  }

  async finished(id: string, state: 'done' | 'aborted' | 'undone'): Promise<void> {
    await this.#set(id, 'state = $2, finished_at = now(), error = NULL', [state])
  }

  /** @param graceMs null: it cannot be undone any more */
  async undoable(id: string, graceMs: number | null): Promise<void> {
    await this.#set(id, `undo_until = now() + $2::float8 * interval '1 millisecond'`, [graceMs])
  }

  async #set(id: string, what: string, values: unknown[]): Promise<void> {
    await this.#run(`UPDATE ${this.#table} SET ${what}, updated_at = now() WHERE id = $1`, [id, ...values])
  }

  get #table(): string {
    return quoteQualified(this.#schema, 'partition_conversions')
  }

  #run<Row>(text: string, values: unknown[]): Promise<Row[]> {
    return queryOwn(this.#db, this.#schema, text, values)
  }
}
