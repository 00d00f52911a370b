import { formatBytes } from '../../core/index.ts'
import { dropIndex, type IndexPicture, indexesOf } from '../indexes.ts'
import { MOST_TOLD } from '../relations.ts'
import type { Check, Found } from '../finding.ts'

/** Two indexes of one table that say the same: access method, keys with their operator classes, predicate, further columns. */
export const duplicateIndexes: Check = {
  id: 'duplicate-indexes',
  category: 'indexes',
  good: 'no index is there twice',
  why: 'Each change of the table is written into both, and no query is faster for it.',
  run: async (context) => {
    const found = duplicatesAmong(await indexesOf(context))
    return found.slice(0, MOST_TOLD).map(([one, kept]) => describe(one, kept))
  },
}

/** Each with the one that serves in its place. */
export function duplicatesAmong(
  all: readonly IndexPicture[],
): (readonly [one: IndexPicture, kept: IndexPicture])[] {
  const usable = all.filter(({ isUsable }) => isUsable)
  return [...Map.groupBy(usable, sameness).values()].flatMap((same) => {
    const [kept, ...rest] = same.toSorted((a, b) => worth(b) - worth(a) || a.name.localeCompare(b.name))
    return kept ? rest.filter((one) => serves(kept, one)).map((one) => [one, kept] as const) : []
  })
}

const sameness = ({ table, method, keys, included, predicate, manner }: IndexPicture): string =>
  JSON.stringify([table, method, keys, included.toSorted(), predicate, method === 'btree' ? '' : manner])

/** One that keeps doubles out in another manner is there for that. */
const serves = (kept: IndexPicture, one: IndexPicture): boolean =>
  !one.isNeeded && (!one.isUnique || (kept.isUnique && kept.manner === one.manner))

/** What is there for more than speed stays, then what forbids doubles. */
const worth = ({ isPrimary, isNeeded, isUnique }: IndexPicture): number =>
  (isPrimary ? 4 : 0) + (isNeeded ? 2 : 0) + (isUnique ? 1 : 0)

function describe({ name, table, bytes, scans, isPartitioned }: IndexPicture, kept: IndexPicture): Found {
  return {
    severity: 'warning',
    subject: name,
    message: `Each change of ${table} is indexed twice: ${name} is the same as ${kept.name} (${formatBytes(bytes)}).`,
    evidence: { table, same_as: kept.name, bytes, scans },
    action: `Drop it; ${kept.name} serves the same queries.`,
    sql: dropIndex(name, isPartitioned),
  }
}
