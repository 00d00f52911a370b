import type { Node } from '@pgsql/types'
import { quoteQualified } from '../../core/index.ts'
import { alterTableCommands } from '../format/special-statements.ts'
import { isNarrow, wordsOf } from '../format/tree.ts'
import type { World } from '../lint/world.ts'

/** Something that a statement takes away, and how to count what is in it. */
export interface Loss {
  /** `public.users`, or `public.users.nick` for the values of a column. */
  readonly object: string
  readonly kind: 'rows' | 'values'
  /** Quoted name of the table that is counted. */
  readonly relation: string
  readonly column: string | undefined
}

/** What a statement does besides, that nobody can count. */
export type Uncountable = string

/** What a statement of a way back takes away. */
export function lossesOf(node: Node, world: World): { losses: Loss[]; uncountable: Uncountable[] } {
  const losses: Loss[] = []
  const uncountable: Uncountable[] = []
  const rowsOf = (words: readonly string[]): void => {
    const name = world.qualified(words)
    losses.push({
      object: name,
      kind: 'rows',
      relation: quoteQualified(...name.split('.')),
      column: undefined,
    })
  }
  if ('DropStmt' in node) {
    const { removeType, objects = [] } = node.DropStmt
    if (removeType === 'OBJECT_TABLE') for (const object of objects) rowsOf(wordsOf(object))
    if (removeType === 'OBJECT_SCHEMA') uncountable.push('drops a schema with whatever is in it')
  } else if ('TruncateStmt' in node) {
    for (const one of node.TruncateStmt.relations ?? [])
      if ('RangeVar' in one) rowsOf(world.nameOf(one.RangeVar).split('.'))
  } else if ('DeleteStmt' in node) {
    const { relation, whereClause } = node.DeleteStmt
    if (isNarrow(whereClause)) uncountable.push('deletes rows')
    else rowsOf(world.nameOf(relation).split('.'))
  } else if ('AlterTableStmt' in node) {
    const name = world.nameOf(node.AlterTableStmt.relation)
    const relation = quoteQualified(...name.split('.'))
    for (const { subtype, name: column = '' } of alterTableCommands(node)) {
      if (subtype === 'AT_DropColumn')
        losses.push({ object: `${name}.${column}`, kind: 'values', relation, column })
      if (subtype === 'AT_AlterColumnType')
        uncountable.push(`changes the type of ${name}.${column}, which values may not survive`)
    }
  } else if ('UpdateStmt' in node) uncountable.push('changes rows')
  else if ('DoStmt' in node || 'CallStmt' in node)
    uncountable.push('runs a block or procedure, which cannot be looked into')
  else if ('DropdbStmt' in node) uncountable.push('drops a database')
  return { losses, uncountable }
}
