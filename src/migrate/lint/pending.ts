import { readCatalog } from '../../schema/index.ts'
import { type Migration, readMigrations } from '../format/folder.ts'
import { appliedEntries, readHistory } from '../history/history.ts'
import { type MigrateTarget, withReader } from '../running/session.ts'
import type { LintFinding } from './finding.ts'
import { type Doing, Linter, type LintOptions } from './lint.ts'

/** What a pending migration will do, statement by statement. */
export interface PendingMigration {
  readonly id: string
  readonly phase: 'expand' | 'contract' | null
  readonly inTransaction: boolean
  /** Empty for a step in TypeScript, which cannot be looked into. */
  readonly statements: readonly (Doing & {
    readonly line: number
    readonly text: string
    readonly findings: readonly LintFinding[]
  })[]
}

/** What the linter needs to know of a database, and which migrations have not run there. */
export async function knowDatabase(
  target: MigrateTarget,
  ownSchema: string,
): Promise<Required<Pick<LintOptions, 'catalog' | 'version'>> & { readonly pending: readonly Migration[] }> {
  return withReader(target.url, async (client) => {
    const applied = appliedEntries(await readHistory(client, target.history))
    const catalog = await readCatalog(client, { exclude: [ownSchema] })
    const pending = readMigrations(target.directory).filter(({ id }) => !applied.has(id))
    return { catalog, version: catalog.serverVersion, pending }
  })
}

/**
 * What is pending on a database, with the locks that it takes and what the linter says of it. Runs nothing.
 * @throws HF_SCHEMA_MISSING, HF_SCHEMA_OUTDATED, HF_MIGRATE_FOLDER, HF_MIGRATE_DIRECTIVE, HF_MIGRATE_SYNTAX
 */
export async function lintPending(target: MigrateTarget, ownSchema: string): Promise<PendingMigration[]> {
  const { pending, ...knowledge } = await knowDatabase(target, ownSchema)
  const linter = await Linter.create(knowledge)
  const plans: PendingMigration[] = []
  for (const { id, up, directives } of pending) {
    const linted = await linter.lint(up)
    plans.push({
      id,
      phase: directives.phase ?? null,
      inTransaction: directives.inTransaction,
      statements: linted.map(({ statement, doing, findings }) => ({
        line: statement.line,
        text: statement.text.slice(0, 2_000),
        ...doing,
        findings,
      })),
    })
  }
  return plans
}
