import type { AlterTableStmt, DropStmt, Node, RenameStmt } from '@pgsql/types'
import type { Statement } from '../format/statements.ts'
import { sqlName, wordsOf } from '../format/tree.ts'

/** Something that a migration takes away, under the name by which it is used. */
export interface Removed {
  readonly kind: 'relation' | 'column' | 'function' | 'schema'
  /** Undefined where the migration does not say it. */
  readonly schema: string | undefined
  /** The relation, function or schema. */
  readonly name: string
  readonly column?: string
  /** Statements do not say which sequence they use: its name is one of their values. */
  readonly isSequence?: boolean
}

const RELATIONS = new Set<string>([
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_FOREIGN_TABLE',
  'OBJECT_SEQUENCE',
])
const FUNCTIONS = new Set<string>([
  'OBJECT_FUNCTION',
  'OBJECT_PROCEDURE',
  'OBJECT_ROUTINE',
  'OBJECT_AGGREGATE',
])

/** What a migration removes or renames, as far as statements name it. */
export function removedBy(statements: readonly Statement[]): Removed[] {
  return statements.flatMap(({ node }) => removedByNode(node))
}

function removedByNode(node: Node): Removed[] {
  if ('DropStmt' in node) return dropped(node.DropStmt)
  if ('AlterTableStmt' in node) return droppedColumns(node.AlterTableStmt)
  if ('RenameStmt' in node) return renamed(node.RenameStmt)
  if ('AlterObjectSchemaStmt' in node) {
    const { relation } = node.AlterObjectSchemaStmt
    return relation?.relname === undefined
      ? []
      : [{ kind: 'relation', schema: relation.schemaname, name: relation.relname }]
  }
  return []
}

function dropped({ removeType = 'OBJECT_TABLE', objects = [] }: DropStmt): Removed[] {
  const kind = RELATIONS.has(removeType)
    ? 'relation'
    : FUNCTIONS.has(removeType)
      ? 'function'
      : removeType === 'OBJECT_SCHEMA'
        ? 'schema'
        : undefined
  if (kind === undefined) return []
  return objects.map((object) => {
    const words = wordsOf(object)
    const isSequence = removeType === 'OBJECT_SEQUENCE'
    return { kind, schema: words.at(-2), name: words.at(-1) ?? '', ...(isSequence && { isSequence }) }
  })
}

function droppedColumns({ relation, cmds = [] }: AlterTableStmt): Removed[] {
  return cmds.flatMap((node) => {
    const { subtype, name } = 'AlterTableCmd' in node ? node.AlterTableCmd : {}
    return subtype === 'AT_DropColumn' && relation?.relname !== undefined && name !== undefined
      ? [{ kind: 'column' as const, schema: relation.schemaname, name: relation.relname, column: name }]
      : []
  })
}

function renamed({ renameType = 'OBJECT_TABLE', relation, subname, object }: RenameStmt): Removed[] {
  const { relname: name, schemaname: schema } = relation ?? {}
  if (RELATIONS.has(renameType)) return name === undefined ? [] : [{ kind: 'relation', schema, name }]
  if (renameType === 'OBJECT_COLUMN')
    return name === undefined || subname === undefined
      ? []
      : [{ kind: 'column', schema, name, column: subname }]
  if (renameType === 'OBJECT_SCHEMA')
    return subname === undefined ? [] : [{ kind: 'schema', schema: undefined, name: subname }]
  if (FUNCTIONS.has(renameType)) {
    const words = wordsOf(object)
    return [{ kind: 'function', schema: words.at(-2), name: words.at(-1) ?? '' }]
  }
  return []
}

/** For people: `public.orders.note`. */
export const removedInWords = ({ schema, name, column }: Removed): string =>
  [schema, name, column]
    .filter((part) => part !== undefined)
    .map(sqlName)
    .join('.')
