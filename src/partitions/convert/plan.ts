import { createHash } from 'node:crypto'
import { quoteIdentifier, quoteLiteral, quoteQualified } from '../../core/index.ts'
import { shortened } from '../name.ts'
import type { Kept } from '../policy.ts'
import type { Definition } from './definition.ts'
import type { Finding } from './finding.ts'
import { carriesKey, primaryKeyOf, sharedIndexes } from './keys.ts'

/** A partition that a conversion makes. */
export interface PlannedPartition {
  readonly name: string
  /** As the bound is written; null for no limit. */
  readonly from: string | null
  readonly to: string
}

/** One step of a conversion, and what it locks. */
export interface PlannedStep {
  readonly name: StepName
  readonly words: string
  /** The strongest lock that others may feel, and on what; null where nobody waits. */
  readonly lock: string | null
}

export type StepName =
  | 'index'
  | 'parent'
  | 'check'
  | 'validate'
  | 'swap'
  | 'verify'
  | 'shadow'
  | 'mirror'
  | 'copy'
  | 'compare'
  | 'exchange'
  | 'tidy'

/** How a table is going to be converted. */
export interface ConversionPlan {
  /** Qualified, quoted. */
  readonly table: string
  readonly schema: string
  readonly name: string
  readonly owner: string
  readonly column: string
  /** Type of the column, as a literal is cast. */
  readonly columnType: string
  readonly every: string
  /** `attach`: no row moves. `split`: the old table's rows are copied into partitions of their own. */
  readonly kind: 'attach' | 'split'
  /** Where the old table ends; the first new partition begins there. */
  readonly cutoff: string
  /** Name of the old table as a partition. */
  readonly legacy: string
  /** Name of the table that stands apart until it takes the old one's place. */
  readonly apart: string
  /** What is made: ahead of the cutoff, or out of the old table. */
  readonly partitions: readonly PlannedPartition[]
  /** The primary key as it will be; null where it stays as it is, or there is none. */
  readonly primaryKey: { readonly index: string; readonly columns: readonly string[] } | null
  /** Names that indexes and statistics of the old table get, and that those of the new one have until it takes its place. */
  readonly renames: readonly { readonly name: string; readonly legacy: string; readonly apart: string }[]
  readonly policy: Kept
  /** How long undoing stays possible after a split, in milliseconds. */
  readonly graceMs: number
  /** Whether splitting follows. */
  readonly thenSplit: boolean
  /** What splitting will do, as far as that is known before; missing where none follows, and in plans of before. */
  readonly splitting?: {
    readonly partitions: readonly PlannedPartition[]
    readonly steps: readonly PlannedStep[]
  }
  /** As PostgreSQL estimates them. */
  readonly rows: number
  readonly bytes: number
  /** Of the table's definition, as far as the steps before the swap build on it. */
  readonly shape: string
  readonly findings: readonly Finding[]
  /** Findings that were agreed to. */
  readonly accepted: readonly string[]
  readonly steps: readonly PlannedStep[]
  /** Names the plan: the same table and the same wishes give the same. */
  readonly hash: string
}

/** Gives a plan its hash. */
export function hashed(plan: Omit<ConversionPlan, 'hash'>): ConversionPlan {
  const { rows: _, bytes: __, splitting: ___, accepted, findings, ...said } = plan
  const found = findings.map(({ id, level }) => `${level} ${id}`)
  const hash = createHash('sha256')
    .update(JSON.stringify({ ...said, found, accepted: accepted.toSorted() }))
    .digest('hex')
    .slice(0, 16)
  return { ...plan, hash }
}

/** What stands in the way: what does not go at all, and what nobody agreed to. */
export const obstacles = ({ findings, accepted }: Pick<ConversionPlan, 'findings' | 'accepted'>): Finding[] =>
  findings.filter(({ level, id }) => level === 'blocked' || (level === 'consent' && !accepted.includes(id)))

/** Names of the tables of a plan, as SQL writes them. */
export const tablesOf = ({ table, schema, legacy, apart }: ConversionPlan) => ({
  table,
  legacy: quoteQualified(schema, legacy),
  apart: quoteQualified(schema, apart),
})

/** What every row of the old table has to fulfil, so that it can be a partition without being looked through. */
export const limitOf = ({ column, cutoff, columnType }: ConversionPlan): string =>
  `${quoteIdentifier(column)} IS NOT NULL AND ${quoteIdentifier(column)} < ${quoteLiteral(cutoff)}::${columnType}`

/** The check on the old table that says so; dropped again once it is a partition. */
export const limitName = ({ legacy }: ConversionPlan): string => shortened(legacy, 'limit')

/** The steps of attaching in place, in their order. */
export function attachSteps(d: Definition, column: string, cutoff: string): PlannedStep[] {
  const primary = primaryKeyOf(d)
  const others = [...new Set([...d.references, ...d.referencedBy].map(({ other }) => other))].filter(
    (one) => one !== d.sql,
  )
  const briefly = (what: string): string => `${what}, for milliseconds, given up after 0.2 s`
  return [
    ...(primary && !carriesKey(primary, column)
      ? [
          {
            name: 'index' as const,
            words: `build the unique index for the primary key with ${column}, beside the traffic`,
            lock: null,
          },
        ]
      : []),
    {
      name: 'parent',
      words: 'make the partitioned table and its first partitions apart',
      lock:
        d.references.length === 0
          ? null
          : briefly(`SHARE ROW EXCLUSIVE on ${d.references.map(({ other }) => other).join(', ')}`),
    },
    {
      name: 'check',
      words: `from now on the old table refuses rows from ${cutoff} on`,
      lock: briefly(`ACCESS EXCLUSIVE on ${d.sql}`),
    },
    { name: 'validate', words: 'look through the old table that all rows are before that', lock: null },
    {
      name: 'swap',
      words: 'put the partitioned table in its place, with the old one as its first partition',
      lock: briefly(`ACCESS EXCLUSIVE on ${[d.sql, ...others].join(', ')}`),
    },
    {
      name: 'verify',
      words: 'prove it: every partition takes a row, queries read only what they need',
      lock: null,
    },
  ]
}

/** The steps of splitting the old table, in their order. */
export const splitSteps = (table: string, legacy: string, count: number): PlannedStep[] => [
  { name: 'shadow', words: `make ${count} empty partitions apart`, lock: null },
  {
    name: 'mirror',
    words: 'from now on what is written to the old table is written to them, too',
    lock: `SHARE ROW EXCLUSIVE on ${legacy}, for milliseconds, given up after 0.2 s`,
  },
  { name: 'copy', words: 'copy the rows in batches, in the order of the primary key', lock: null },
  { name: 'compare', words: 'compare number and contents of each partition with the old table', lock: null },
  {
    name: 'exchange',
    words: 'attach them in place of the old table',
    lock: `ACCESS EXCLUSIVE on ${table}, for milliseconds, given up after 0.2 s`,
  },
  { name: 'tidy', words: 'take away what was only needed on the way', lock: null },
]

/** The names that a conversion gives to what hangs on the old table and is named in its schema. */
export function renamesOf(d: Definition, column: string): ConversionPlan['renames'] {
  return [...sharedIndexes(d, column), ...d.statistics].map(({ name }) => ({
    name,
    legacy: shortened(name, 'legacy'),
    apart: shortened(name, 'apart'),
  }))
}
