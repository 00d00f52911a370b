import { formatBytes } from '../../core/index.ts'
import { dropIndex, type IndexPicture, indexesOf } from '../indexes.ts'
import { duplicatesAmong } from './duplicate-indexes.ts'
import { MOST_TOLD } from '../relations.ts'
import type { Check, Found } from '../finding.ts'

/** Below that the room is no reason; the writes still are. */
const WARNING_BYTES = 10 * 1_024 * 1_024

/** An index whose keys are the first keys of another one. */
export const redundantIndexes: Check = {
  id: 'redundant-indexes',
  category: 'indexes',
  good: 'no index is the beginning of another',
  why: 'Each change of the table is written into both, where the longer one serves the queries of the shorter, too.',
  run: async (context) => {
    const all = await indexesOf(context)
    // What goes because it is there twice need not go again.
    const doubles = new Set(duplicatesAmong(all).map(([one]) => one))
    const trees = all.filter((one) => one.isUsable && one.method === 'btree' && !doubles.has(one))
    return [...Map.groupBy(trees, ({ table }) => table).values()]
      .flatMap((ofTable) =>
        ofTable.flatMap((one) => {
          const longer =
            one.isUnique || one.isNeeded ? undefined : ofTable.find((other) => covers(other, one))
          return longer ? [describe(one, longer)] : []
        }),
      )
      .slice(0, MOST_TOLD)
  },
}

/** Whether `longer` finds all that `one` finds, and has all that it carries. */
function covers(longer: IndexPicture, one: IndexPicture): boolean {
  const carries = (column: string): boolean =>
    longer.included.includes(column) || longer.keys.some((key) => key.split(' ')[0] === column)
  return (
    longer.keys.length > one.keys.length &&
    longer.predicate === one.predicate &&
    one.keys.every((key, place) => longer.keys[place] === key) &&
    one.included.every(carries)
  )
}

function describe({ name, table, bytes, scans, isPartitioned }: IndexPicture, longer: IndexPicture): Found {
  return {
    severity: bytes < WARNING_BYTES ? 'info' : 'warning',
    confidence: 'likely',
    subject: name,
    message: `Each change of ${table} is indexed twice: ${longer.name} begins with the keys of ${name} (${formatBytes(bytes)}).`,
    evidence: { table, covered_by: longer.name, bytes, scans },
    action: `Drop it, unless a query that runs very often is faster with the smaller one.`,
    sql: dropIndex(name, isPartitioned),
  }
}
