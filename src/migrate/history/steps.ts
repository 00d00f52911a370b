import { type Queryable } from '../../core/index.ts'
import { type Direction, explainDenied } from './history.ts'
import { type HistoryTable, stepsTable } from './tables.ts'

/** How far one statement of a migration without transaction is. */
export interface StepRecord {
  readonly migrationId: string
  readonly direction: Direction
  /** Counted from 1. */
  readonly step: number
  readonly line: number
  readonly hash: string
  readonly kind: string
  /** `begun`: it was sent, and whether it took effect is not written down. */
  readonly state: 'begun' | 'done'
  readonly beganAt: Date
  readonly durationMs: number | null
  readonly rows: number | null
}

/** The steps of all migrations that are on their way, or of one. @throws HF_MIGRATE_NOT_ALLOWED */
export async function readSteps(db: Queryable, history: HistoryTable, id?: string): Promise<StepRecord[]> {
  const reading = db.query(
    `SELECT migration_id AS "migrationId", direction, step, line, hash, kind, state, began_at AS "beganAt",
            duration_ms AS "durationMs", rows::float8 AS rows
       FROM ${stepsTable(history)} WHERE $1::text IS NULL OR migration_id = $1 ORDER BY migration_id, step`,
    [id ?? null],
  )
  const { rows } = await reading.catch(async (error: unknown) => {
    throw await explainDenied(db, history, error)
  })
  return rows as unknown as StepRecord[]
}

/** Says that a statement is about to be sent. */
export async function recordBegun(
  db: Queryable,
  history: HistoryTable,
  step: Pick<StepRecord, 'migrationId' | 'direction' | 'step' | 'line' | 'hash' | 'kind'>,
): Promise<void> {
  await db.query(
    `INSERT INTO ${stepsTable(history)} (migration_id, direction, step, line, hash, kind, state)
     VALUES ($1, $2, $3, $4, $5, $6, 'begun')
     ON CONFLICT (migration_id, direction, step)
     DO UPDATE SET line = excluded.line, hash = excluded.hash, kind = excluded.kind, state = 'begun',
                   began_at = clock_timestamp()`,
    [step.migrationId, step.direction, step.step, step.line, step.hash, step.kind],
  )
}

type StepKey = Pick<StepRecord, 'migrationId' | 'direction' | 'step'>

/** Says that a statement took effect. */
export async function recordDone(
  db: Queryable,
  history: HistoryTable,
  { migrationId, direction, step }: StepKey,
  durationMs: number | null,
  rows: number | null,
): Promise<void> {
  await db.query(
    `UPDATE ${stepsTable(history)} SET state = 'done', duration_ms = $4, rows = $5
      WHERE migration_id = $1 AND direction = $2 AND step = $3`,
    [migrationId, direction, step, durationMs, rows],
  )
}

/** Forgets a statement that was begun and had no effect. */
export async function forgetStep(
  db: Queryable,
  history: HistoryTable,
  { migrationId, direction, step }: StepKey,
): Promise<void> {
  await db.query(
    `DELETE FROM ${stepsTable(history)} WHERE migration_id = $1 AND direction = $2 AND step = $3`,
    [migrationId, direction, step],
  )
}

/** Forgets all steps of a migration: it is through, and its history row says so. */
export async function forgetSteps(
  db: Queryable,
  history: HistoryTable,
  id: string,
  direction: Direction,
): Promise<void> {
  await db.query(`DELETE FROM ${stepsTable(history)} WHERE migration_id = $1 AND direction = $2`, [
    id,
    direction,
  ])
}
