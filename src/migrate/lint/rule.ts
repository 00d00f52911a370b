import type { AlterTableCmd, Node, RangeVar } from '@pgsql/types'
import type { Script } from '../format/script.ts'
import { alterTableCommands } from '../format/special-statements.ts'
import type { Statement } from '../format/statements.ts'
import { columnIn } from '../format/tree.ts'
import type { Severity } from './finding.ts'
import type { KnownTable, World } from './world.ts'

/** What the statements of a script before the one that is looked at did. */
export interface ScriptCourse {
  /** One of them took a lock that traffic waits for. */
  hasBlocked: boolean
  /** What SET lock_timeout said last, in milliseconds. */
  lockTimeoutMs: number | undefined
  /** Values that were added to an enum that was there before. */
  readonly enumValues: string[]
  /** Enums that it made. */
  readonly newEnums: string[]
}

/** What a rule looks at: one statement, and everything known when it runs. */
export interface RuleContext {
  readonly statement: Statement
  readonly node: Node
  readonly script: Script
  /** The statement runs in a transaction with the others of its script. */
  readonly inTransaction: boolean
  /** What the script did so far. */
  readonly course: ScriptCourse
  /** As it is before the statement. */
  readonly world: World
  /** Major version of the server. */
  readonly version: number
}

/** What a rule says about a statement. */
export interface Verdict {
  readonly severity: Severity
  readonly message: string
  /** The safe way, to be pasted. */
  readonly safe?: string | undefined
}

/** One thing that the linter knows to be dangerous. */
export interface Rule {
  /** Stable; `allow=` takes it. */
  readonly id: string
  /** What it is about, in a sentence. */
  readonly title: string
  /** It is about reading or writing a table anew: it says nothing where a measurement saw none of that. */
  readonly isAboutWork?: true
  readonly check: (context: RuleContext) => Promise<readonly Verdict[]> | readonly Verdict[]
}

/** One sub-command of ALTER TABLE with the table it is about. */
export interface Alteration {
  readonly relation: RangeVar
  readonly name: string
  readonly table: KnownTable | undefined
  readonly cmd: AlterTableCmd
}

/** The sub-commands of ALTER TABLE that are about a table which traffic uses. */
export function alterations({ node, world }: RuleContext, ...subtypes: readonly string[]): Alteration[] {
  if (!('AlterTableStmt' in node) || !node.AlterTableStmt.relation) return []
  const { relation, objtype } = node.AlterTableStmt
  const name = world.nameOf(relation)
  if (objtype !== 'OBJECT_TABLE' && objtype !== 'OBJECT_MATVIEW') return []
  if (world.isNew(name)) return []
  return alterTableCommands(node)
    .filter(({ subtype }) => subtypes.length === 0 || subtypes.includes(subtype ?? ''))
    .filter((cmd) => !isThereAlready(cmd, world.table(relation)))
    .map((cmd) => ({ relation, name, table: world.table(relation), cmd }))
}

/** ADD COLUMN IF NOT EXISTS of a column that is there does nothing. */
export function isThereAlready(
  { subtype, missing_ok: isOptional, def }: AlterTableCmd,
  table: KnownTable | undefined,
): boolean {
  return (
    subtype === 'AT_AddColumn' &&
    isOptional === true &&
    (table?.columns.has(columnIn(def)?.colname ?? '') ?? false)
  )
}

/** Directions and statements, one below the other. */
export const steps = (...lines: readonly string[]): string => lines.join('\n')

/** Statements that have to stand in a migration of their own, without transaction. */
export const withoutTransaction = (...statements: readonly string[]): string =>
  steps(
    '-- in a migration of its own, with this line at its top:',
    '-- holdfast: transaction=off',
    ...statements,
  )
