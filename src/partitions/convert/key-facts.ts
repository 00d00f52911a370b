import { type Hand, quoteIdentifier } from '../../core/index.ts'
import type { KeyKind } from '../key.ts'
import type { Position } from '../period.ts'

/** What the rows of a table say about a key. */
export interface KeyFacts {
  readonly hasNulls: boolean
  /** Least and greatest value as text; null without rows. */
  readonly least: string | null
  readonly greatest: string | null
  /** The place of now: the server's clock, or the greatest integer there is. */
  readonly now: Position
}

/** Reads the ends of a column: from an index that begins with it, or by going through the table once. */
export async function readKeyFacts(
  hand: Hand,
  table: string,
  column: string,
  key: KeyKind,
  mayBeNull: boolean,
): Promise<KeyFacts> {
  // With the table before it: a bare name would be the text that is selected, whose order is another.
  const name = `t.${quoteIdentifier(column)}`
  const end = (order: string): string =>
    `(SELECT ${name}::text FROM ${table} t WHERE ${name} IS NOT NULL ORDER BY ${name} ${order} LIMIT 1)`
  const rows = await hand.rows<Omit<KeyFacts, 'now'> & { clock: string }>(
    `SELECT ${mayBeNull ? `EXISTS (SELECT FROM ${table} t WHERE ${name} IS NULL)` : 'false'} AS "hasNulls",
            ${end('ASC')} AS least, ${end('DESC')} AS greatest,
            pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint::text AS clock`,
  )
  const { clock = '0', ...facts } = rows[0] ?? { hasNulls: false, least: null, greatest: null }
  const now = key.is === 'time' ? BigInt(clock) : ((facts.greatest && key.floor(facts.greatest)) ?? 0n)
  return { ...facts, now: now === '' ? 0n : now }
}
