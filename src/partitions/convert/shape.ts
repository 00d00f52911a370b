import { createHash } from 'node:crypto'
import type { Definition } from './definition.ts'

/**
 * Of a table's definition what is built on before the swap: columns, constraints, indexes. What merely hangs on the table, as
 * grants and triggers, may change until then: it is read again under the lock.
 *
 * @param besides names of checks and indexes that the conversion itself makes
 */
export function shapeOf(definition: Definition, besides: readonly string[]): string {
  const { owner, schema, name, columns, indexes, checks, references, statistics, tablespace } = definition
  const others = <T extends { readonly name: string }>(all: readonly T[]): T[] =>
    all.filter((one) => !besides.includes(one.name))
  return createHash('sha256')
    .update(
      JSON.stringify([
        owner,
        schema,
        name,
        tablespace,
        columns.map((column) => ({ ...column, isNotNull: null })),
        // Follows from the columns' types.
        others(indexes).map((index) => ({ ...index, equals: undefined })),
        others(checks),
        references.map((key) => ({ ...key, isMine: null })),
        statistics,
      ]),
    )
    .digest('hex')
    .slice(0, 16)
}
