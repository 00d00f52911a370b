import type { QueryResultRow } from '../../core/index.ts'

/** What a step in TypeScript works with. */
export interface MigrationContext {
  /** Runs one statement on the migration's own connection, in its transaction. Values are bound. */
  query<Row extends QueryResultRow = QueryResultRow>(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ rows: Row[]; rowCount: number | null }>
  /** A word to whoever watches the run. */
  say(text: string): void
}

/** A step in TypeScript: the default export of `up.ts` and `down.ts`. */
export type MigrationStep = (context: MigrationContext) => Promise<void> | void

/**
 * Types a step that SQL cannot say. It runs in the migration's transaction and may not end it.
 * @example
 * ```ts
 * // up.ts
 * import { defineMigration } from 'holdfast/migrate'
 * export default defineMigration(async ({ query }) => {
 *   const { rows } = await query<{ id: string; name: string }>('SELECT id, name FROM depots')
 *   for (const { id, name } of rows) await query('UPDATE depots SET slug = $1 WHERE id = $2', [slug(name), id])
 * })
 * ```
 */
export function defineMigration(step: MigrationStep): MigrationStep {
  return step
}

/** A check that must hold afterwards: the default export of `validate.ts`. Returns what is wrong in words. */
export type Validation = (context: MigrationContext) => Promise<readonly string[]> | readonly string[]

/**
 * Types the check of a migration. It runs after the migration, and after its backfill; when it returns anything the
 * migration has failed: in a transaction nothing of it was applied.
 * @example
 * ```ts
 * // validate.ts
 * import { defineValidation } from 'holdfast/migrate'
 * export default defineValidation(async ({ query }) => {
 *   const { rows } = await query('SELECT id FROM depots WHERE slug IS NULL LIMIT 1')
 *   return rows.length === 0 ? [] : ['a depot has no slug']
 * })
 * ```
 */
export function defineValidation(validation: Validation): Validation {
  return validation
}
