import type { Definition, Index } from './definition.ts'

export const primaryKeyOf = ({ indexes }: Definition): Index | undefined =>
  indexes.find(({ constraint }) => constraint?.type === 'p')

/** Whether a column is a part of an index's key. */
export const carriesKey = ({ columns }: Index, column: string): boolean => columns.includes(column)

/** Besides the primary key: unique over the whole table today, and only within a partition afterwards. */
export const uniquesWithoutKey = ({ indexes }: Definition, column: string): Index[] =>
  indexes.filter(
    (index) =>
      index.isUnique && index.isValid && index.constraint?.type !== 'p' && !carriesKey(index, column),
  )

/** The indexes that the partitioned table has, too: all but those that can only be a partition's own. */
export const sharedIndexes = (definition: Definition, column: string): Index[] => {
  const own = new Set(uniquesWithoutKey(definition, column))
  return definition.indexes.filter((index) => index.isValid && !own.has(index))
}
