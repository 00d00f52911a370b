import type pg from 'pg'
import { quoteIdentifier } from '../../core/index.ts'
import { alreadyPartitioned, keyUnsupported, tableMissing } from '../errors.ts'
import type { KeyKind } from '../key.ts'
import { type Layout, usableKey } from '../layout.ts'
import { partitionName, shortened } from '../name.ts'
import { type Every, type Period, periodAfter, periodAt, periodsBetween, type Position } from '../period.ts'
import { type PolicyWishes, resolvePolicy } from '../policy.ts'
import { handOf, type Tender, withHand } from '../tender.ts'
import { refuseUnfitting } from '../upkeep.ts'
import { findConflictTargets } from './conflict-targets.ts'
import { type Column, type Definition, readDefinition } from './definition.ts'
import { blocked, carried, consent, type Finding, warning } from './finding.ts'
import { type KeyFacts, readKeyFacts } from './key-facts.ts'
import { carriesKey, primaryKeyOf } from './keys.ts'
import {
  attachSteps,
  type ConversionPlan,
  hashed,
  type PlannedPartition,
  renamesOf,
  splitSteps,
} from './plan.ts'
import { preflight } from './preflight.ts'
import { shapeOf } from './shape.ts'
import { AS_OURSELVES } from './work.ts'

/** What somebody wants a table converted to. */
export interface Wishes extends PolicyWishes {
  /** Column that it is partitioned by. */
  readonly by: string
  readonly every: Every
  /** `attach`: no row moves, the old rows stay in one partition. `split`: they are copied into partitions, too. Default `attach`. */
  readonly mode?: 'attach' | 'split' | undefined
  /** Findings that are agreed to, by their ids. */
  readonly accept?: readonly string[] | undefined
  /** After a split, how long the old table is kept up to date for `undo`, in milliseconds. Default 7 days; 0 keeps nothing. */
  readonly graceMs?: number | undefined
}

/** A session that reads plans and definitions: names are written with their schemas, times in UTC. */
export interface Surveyor {
  readonly tender: Tender
  readonly client: pg.Client
  readonly version: number
}

const DAY_MS = 86_400_000n
/** How long a conversion may take until rows that the old table no longer takes come. */
const LEAD_MS = 2n * DAY_MS
/** More periods ahead than this is a mistake in the rows, not a plan. */
const MOST_PERIODS_AHEAD = 60
/** Each is attached under the lock. */
const MOST_SPLIT = 240
const DEFAULT_GRACE_MS = 7 * Number(DAY_MS)

/**
 * Plans to put a table, that is not partitioned yet, below a partitioned one in its place.
 * @throws HF_PARTITION_TABLE, HF_PARTITION_KEY, HF_PARTITION_EVERY
 */
export async function planAttach(surveyor: Surveyor, oid: number, wishes: Wishes): Promise<ConversionPlan> {
  const { client } = surveyor
  const definition = await definitionOf(surveyor, oid)
  if (definition.kind === 'p') throw alreadyPartitioned(definition.sql)
  const { by, every, mode = 'attach' } = wishes
  const column = definition.columns.find(({ name }) => name === by)
  if (!column) throw keyUnsupported(definition.sql, `there is no column ${by}`)
  const key = usableKey(definition.sql, column.type, column.collation)
  refuseUnfitting({ sql: definition.sql, key }, every)
  const hidden = await hiddenFrom(surveyor, definition)
  const findings = [...preflight(definition, by, mode), ...hidden]
  const mayRead = hidden.length === 0 || wishes.accept?.includes(AS_OURSELVES) === true
  const facts =
    definition.kind === 'r' && definition.isMine && mayRead
      ? await withHand(surveyor.tender, { ...definition, asOurselves: hidden.length > 0 }, (hand) =>
          readKeyFacts(hand, definition.sql, by, key, !column.isNotNull),
        )
      : undefined
  const now = facts?.now ?? 0n
  const greatest = facts?.greatest == null ? undefined : key.floor(facts.greatest)
  const cutoff = cutoffOf(every, now, greatest)
  const ahead = periodsAhead(every, now, cutoff, resolvePolicy(wishes).premake)
  const plan = attachPlan(definition, column, key, wishes, cutoff, ahead)
  findings.push(
    ...(facts ? ofRows(definition, by, key, every, facts) : []),
    ...(await findConflictTargets(client, definition, by)),
    ...(await takenNames(client, definition.schema, plan)),
    spaceNeeded(definition, mode),
  )
  if (mode !== 'split' || !facts) return hashed({ ...plan, findings })
  const { partitions, older } = history({ name: definition.name, key, column: by }, cutoff, every, facts)
  const splitting = { partitions, steps: splitSteps(definition.sql, plan.legacy, partitions.length) }
  return hashed({ ...plan, splitting, findings: [...findings, ...(older ? [older] : [])] })
}

/** Forced row security hides rows from the owner, with whose rights a table is worked on. */
async function hiddenFrom({ tender }: Surveyor, definition: Definition): Promise<Finding[]> {
  if (!definition.forceRowSecurity || !definition.isMine) return []
  if (!(await handOf(tender, definition)).isConfined) return []
  return [
    consent(
      AS_OURSELVES,
      'row security is forced: its owner, with whose rights a table is worked on, does not see all of its rows',
      'take it away for as long (ALTER TABLE ... NO FORCE ROW LEVEL SECURITY), or agree to have it done with the rights of this session: checks, expressions and triggers of the table then run with them, too',
    ),
  ]
}

function attachPlan(
  definition: Definition,
  column: Column,
  key: KeyKind,
  { by, every, mode = 'attach', accept = [], ...wishes }: Wishes,
  cutoff: Position,
  ahead: readonly Period[],
): Omit<ConversionPlan, 'hash'> {
  const { sql, schema, name, owner, rows, bytes } = definition
  const primary = primaryKeyOf(definition)
  const cutoffText = key.write(cutoff)
  return {
    table: sql,
    schema,
    name,
    owner,
    column: by,
    columnType: column.shownType,
    every: String(every),
    kind: 'attach',
    cutoff: cutoffText,
    legacy: shortened(name, 'legacy'),
    apart: shortened(name, 'apart'),
    partitions: ahead.map((period) => planned(name, every, key, period)),
    primaryKey:
      primary && !carriesKey(primary, by)
        ? { index: shortened(primary.name, 'legacy'), columns: [...primary.columns.map(String), by] }
        : null,
    renames: renamesOf(definition, by),
    policy: resolvePolicy(wishes),
    graceMs: wishes.graceMs ?? DEFAULT_GRACE_MS,
    thenSplit: mode === 'split',
    rows,
    bytes,
    shape: shapeOf(definition, []),
    findings: [],
    accepted: accept,
    steps: attachSteps(definition, by, cutoffText),
  }
}

/**
 * Plans to copy the rows of a partition without a lower limit, as the old table is one, into partitions of their own.
 * @throws HF_PARTITION_TABLE, HF_PARTITION_KEY, HF_PARTITION_EVERY
 */
export async function planSplit(
  surveyor: Surveyor,
  layout: Layout,
  wishes: Omit<Wishes, 'by' | 'mode'>,
): Promise<ConversionPlan> {
  const { client } = surveyor
  const { every, accept = [] } = wishes
  const { key, column: by } = layout
  refuseUnfitting(layout, every)
  const legacy = layout.partitions.find(({ from, to }) => from === 'open' && typeof to === 'bigint')
  if (!legacy)
    throw keyUnsupported(layout.sql, 'it has no partition without a lower limit, which could be split')
  if (legacy.name === shortened(layout.name, 'before'))
    throw keyUnsupported(
      layout.sql,
      `its history is split already: ${legacy.name} holds what is older than all of it`,
    )
  const oid = await oidOf(client, legacy.sql)
  const definition = await definitionOf(surveyor, oid)
  const whole = await definitionOf(surveyor, await oidOf(client, layout.sql))
  const hidden = await hiddenFrom(surveyor, whole)
  const mayRead = hidden.length === 0 || accept.includes(AS_OURSELVES)
  const facts = mayRead
    ? await withHand(surveyor.tender, { ...layout, asOurselves: hidden.length > 0 }, (hand) =>
        readKeyFacts(hand, legacy.sql, by, key, false),
      )
    : { hasNulls: false, least: null, greatest: null, now: 0n }
  const { partitions, older } = history(layout, legacy.to as Position, every, facts)
  const findings: Finding[] = [
    ...hidden,
    ...preflight(whole, by, 'split').filter(({ level }) => level === 'blocked'),
    ...(older ? [older] : []),
    spaceNeeded(definition, 'split'),
  ]
  const plan: Omit<ConversionPlan, 'hash'> = {
    table: layout.sql,
    schema: layout.schema,
    name: layout.name,
    owner: layout.owner,
    column: by,
    columnType: definition.columns.find(({ name }) => name === by)?.shownType ?? 'text',
    every: String(every),
    kind: 'split',
    cutoff: key.write(legacy.to as Position),
    legacy: legacy.name,
    apart: shortened(layout.name, 'split'),
    partitions,
    primaryKey: null,
    renames: [],
    policy: resolvePolicy(wishes),
    graceMs: wishes.graceMs ?? DEFAULT_GRACE_MS,
    thenSplit: false,
    rows: definition.rows,
    bytes: definition.bytes,
    shape: shapeOf(whole, []),
    findings: [],
    accepted: accept,
    steps: splitSteps(layout.sql, legacy.sql, partitions.length),
  }
  return hashed({ ...plan, findings: [...findings, ...(await takenNames(client, layout.schema, plan))] })
}

async function definitionOf({ client, version }: Surveyor, oid: number): Promise<Definition> {
  const definition = await readDefinition(client, oid, version)
  if (!definition) throw tableMissing(String(oid))
  return definition
}

async function oidOf(client: pg.Client, table: string): Promise<number> {
  const { rows } = await client.query<{ oid: number }>('SELECT to_regclass($1)::oid::int8::float8 AS oid', [
    table,
  ])
  return rows[0]?.oid ?? 0
}

const planned = (table: string, every: Every, key: KeyKind, { from, to }: Period): PlannedPartition => ({
  name: partitionName(table, every, from),
  from: key.write(from),
  to: key.write(to),
})

/** The first boundary that leaves time for the conversion, and lies behind every row. */
function cutoffOf(every: Every, now: Position, greatest: Position | undefined): Position {
  if (typeof every === 'bigint') return periodAfter(every, periodAt(every, now), 2).from
  const behind = greatest !== undefined && greatest + 1n > now + LEAD_MS ? greatest + 1n : now + LEAD_MS
  const period = periodAt(every, behind)
  return period.from === behind ? behind : period.to
}

function periodsAhead(every: Every, now: Position, cutoff: Position, premake: number): Period[] {
  const wanted = periodAfter(every, periodAt(every, now), premake).to
  const least = periodAfter(every, periodAt(every, cutoff), 1).to
  return periodsBetween(every, cutoff, wanted > least ? wanted : least, MOST_SPLIT)
}

/** What the rows themselves stand in the way of. */
function ofRows(
  { sql }: Definition,
  column: string,
  key: KeyKind,
  every: Every,
  { hasNulls, greatest, now }: KeyFacts,
): Finding[] {
  const name = quoteIdentifier(column)
  const found: Finding[] = []
  if (hasNulls)
    found.push(
      blocked(
        'null-keys',
        `rows have no ${column}, and no partition takes those`,
        `UPDATE ${sql} SET ${name} = ... WHERE ${name} IS NULL, in batches`,
      ),
    )
  if (greatest === null) return found
  const place = key.floor(greatest)
  if (place === undefined)
    return [
      ...found,
      blocked(
        'infinity',
        `the greatest ${column} is ${greatest}, behind which no partition can begin`,
        `give those rows a real value: UPDATE ${sql} SET ${name} = ... WHERE ${name} = ${`'${greatest}'`}`,
      ),
    ]
  if (key.is === 'integer' || place <= now + LEAD_MS) return found
  const farthest = periodAfter(every, periodAt(every, now), MOST_PERIODS_AHEAD).to
  return [
    ...found,
    place >= farthest
      ? blocked(
          'future-rows',
          `rows lie far in the future (up to ${greatest}): the old table would have to take all until then`,
          `put them right: SELECT * FROM ${sql} WHERE ${name} >= '${key.write(farthest)}'`,
        )
      : carried('future-rows', `rows lie in the future, up to ${greatest}: the old table ends behind them`),
  ]
}

/** The partitions that the old one's rows go to, and what is said of those that are older than all of them. */
function history(
  { name, key, column }: Pick<Layout, 'name' | 'key' | 'column'>,
  end: Position,
  every: Every,
  { least }: KeyFacts,
): { partitions: PlannedPartition[]; older: Finding | undefined } {
  const earliest = (least === null ? undefined : key.floor(least)) ?? end - 1n
  let first = periodAt(every, earliest < end ? earliest : end - 1n)
  const bound = periodAfter(every, periodAt(every, end - 1n), 1 - MOST_SPLIT)
  const isCut = first.from < bound.from
  if (isCut) first = bound
  const months = periodsBetween(every, first.from, end, MOST_SPLIT).map(({ from, to }) => ({
    from,
    to: to < end ? to : end,
  }))
  const isInfinite = least !== null && key.floor(least) === undefined
  return {
    partitions: [
      { name: shortened(name, 'before'), from: null, to: key.write(first.from) },
      ...months.map((period) => planned(name, every, key, period)),
    ],
    older:
      isCut || isInfinite
        ? warning(
            'before',
            `rows with ${column} before ${key.write(first.from)}, from ${least} on, stay together in one partition`,
            'choose longer partitions to have them apart',
          )
        : undefined,
  }
}

/** Names that are to be given and are taken. */
async function takenNames(
  client: pg.Client,
  schema: string,
  plan: Omit<ConversionPlan, 'hash'>,
): Promise<Finding[]> {
  const { name: table, legacy, apart, partitions, renames, kind, thenSplit } = plan
  const wanted = [
    apart,
    ...(kind === 'split' || thenSplit
      ? [shortened(table, 'before'), shortened(table, 'split'), shortened(table, 'recheck')]
      : []),
    ...(kind === 'attach' ? [legacy] : []),
    ...partitions.map(({ name }) => name),
    ...renames.flatMap((one) => [one.legacy, one.apart]),
  ]
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname = ANY ($2)
     UNION SELECT t.typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
      WHERE n.nspname = $1 AND t.typname = ANY ($2)
     UNION SELECT p.proname FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
      WHERE n.nspname = $1 AND p.proname = ANY ($3) ORDER BY 1`,
    [schema, [...new Set(wanted)], [shortened(table, 'mirror'), shortened(table, 'undo')]],
  )
  return rows.length === 0
    ? []
    : [
        blocked(
          'names',
          `names that are needed are taken: ${rows.map(({ name }) => name).join(', ')}`,
          'rename or drop what has them; what an earlier conversion left goes with: holdfast partition abort',
        ),
      ]
}

const MEGABYTE = 1_048_576

/** The server does not tell how much room its disk has. */
function spaceNeeded({ bytes, rows }: Definition, mode: 'attach' | 'split'): Finding {
  // An entry of an index of two keys of eight bytes is about 32 bytes with its share of the page.
  const needed = mode === 'split' ? bytes * 2 : rows * 32
  return warning(
    'disk-space',
    `it needs about ${Math.max(1, Math.round(needed / MEGABYTE))} MB of disk on the way${mode === 'split' ? ', and as much of WAL' : ''}`,
  )
}
