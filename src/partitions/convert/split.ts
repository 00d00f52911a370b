import type pg from 'pg'
import { type Hand, quoteIdentifier, quoteLiteral, quoteQualified } from '../../core/index.ts'
import { copyDiffers, partitionLocked, scannedUnderLock, tableChanged } from '../errors.ts'
import { keyKindOf } from '../key.ts'
import { readLayout } from '../layout.ts'
import { closed, makePartition, readManner } from '../make.ts'
import { change, givingWay, runAll, type Tender, withHand } from '../tender.ts'
import {
  definitionOf,
  isMadeApart,
  isPartOf,
  marking,
  oidOf,
  patiently,
  referencing,
  underLock,
} from './attach.ts'
import { CopyPace } from './copy-pace.ts'
import type { Definition } from './definition.ts'
import { dropOld } from './ending.ts'
import {
  copiedColumns,
  endingMirror,
  makingMirror,
  marksOf,
  MIRROR,
  mirroring,
  lookAgain,
  UNDO,
} from './mirror.ts'
import { type ConversionPlan, type PlannedPartition, tablesOf } from './plan.ts'
import { proofs } from './proof.ts'
import { shapeOf } from './shape.ts'
import { type Step, subjectOf, type Work } from './work.ts'

const named = (name: string): string => quoteIdentifier(name)

/** Keeps the proof that a partition's rows are within its limits until it is attached. */
const LIMIT = 'holdfast_limit'

const limitsOf = ({ column, columnType }: ConversionPlan, { from, to }: PlannedPartition): string => {
  const at = (text: string): string => `${quoteLiteral(text)}::${columnType}`
  return [
    `${named(column)} IS NOT NULL`,
    ...(from === null ? [] : [`${named(column)} >= ${at(from)}`]),
    `${named(column)} < ${at(to)}`,
  ].join(' AND ')
}

const boundsText = ({ from, to }: PlannedPartition): string =>
  `FOR VALUES FROM (${from === null ? 'MINVALUE' : quoteLiteral(from)}) TO (${quoteLiteral(to)})`

const sqlOf = ({ schema }: ConversionPlan, { name }: PlannedPartition): string => quoteQualified(schema, name)

/** The partitions stand below a table of their own, which routes what is copied. */
const makeEmpty: Step = async (work) => {
  const { tender, plan } = work
  const { table, apart, legacy } = tablesOf(plan)
  const { recheck } = marksOf(plan)
  const whole = await definitionOf(work, table)
  if (!(await isMadeApart(work, apart)))
    await change(tender, subjectOf(plan), `make ${apart}`, [
      `CREATE TABLE ${apart} (LIKE ${table} INCLUDING ALL EXCLUDING IDENTITY) PARTITION BY RANGE (${named(plan.column)})`,
      { ours: `ALTER TABLE ${apart} OWNER TO ${named(plan.owner)}` },
      {
        ours: `CREATE TABLE ${recheck} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key jsonb NOT NULL)`,
      },
      { ours: `ALTER TABLE ${recheck} OWNER TO ${named(plan.owner)}` },
      closed(apart),
      closed(recheck),
      marking(work, apart),
      marking(work, recheck),
    ])
  await referencing(work, apart, whole)
  const manner = await readManner(tender.client, table, legacy)
  const key = keyKindOf(whole.columns.find(({ name }) => name === plan.column)?.type ?? '')
  if (!key) throw tableChanged(plan.table, `the column ${plan.column} is gone`)
  for (const one of plan.partitions) {
    if (await isPartOf(work, apart, sqlOf(plan, one))) continue
    const layout = { schema: plan.schema, sql: apart, owner: plan.owner, key }
    const period = {
      from: one.from === null ? null : (key.read(one.from) ?? null),
      to: key.read(one.to) as bigint,
    }
    await makePartition(tender, layout, one.name, period, {
      ...manner,
      columns: [...manner.columns, `ADD CONSTRAINT ${LIMIT} CHECK (${limitsOf(plan, one)})`],
    })
  }
}

const mirrorWrites: Step = async (work) => {
  const { tender, plan } = work
  const { legacy, apart } = tablesOf(plan)
  const { mirror: fn, recheck } = marksOf(plan)
  const definition = await definitionOf(work, legacy)
  if (definition.triggers.some(({ name }) => name === MIRROR)) return
  await change(
    tender,
    subjectOf(plan),
    `mirror ${legacy}`,
    [
      ...makingMirror(fn, { source: legacy, target: apart, recheck }, definition, plan).map((ours) => ({
        ours,
      })),
      ...mirroring(legacy, MIRROR, fn),
    ],
    { locks: [legacy] },
  )
}

/**
 * Copies in the order of the primary key. The rows of a batch are locked FOR SHARE: without it a row that is deleted meanwhile
 * would stay in the copy, and with FOR KEY SHARE one whose key changes would be there twice.
 */
const copyRows: Step = async (work) => {
  const { plan, tender, conversions, conversion } = work
  const { legacy } = tablesOf(plan)
  const definition = await definitionOf(work, legacy)
  const { key } = copiedColumns(definition)
  const pace = new CopyPace(tender.clock)
  let position =
    (await conversions.list(conversion.table)).find(({ id }) => id === conversion.id)?.position ?? null
  let done = conversion.rowsDone
  for (;;) {
    tender.signal?.throwIfAborted()
    const from = position
    const batch = await givingWay(
      { ...tender, pauseMs: COPY_PAUSE_MS },
      subjectOf(plan),
      `copy rows of ${legacy}`,
      async (_, hand) => {
        const upTo = await batchEnd(hand, legacy, key, definition, from, pace.rows)
        const began = tender.clock.monotonicMs()
        const rows = await copyBatch(hand, work, definition, from, upTo)
        await conversions.copied(conversion.id, rows, upTo)
        pace.took(rows, tender.clock.monotonicMs() - began)
        return { rows, upTo }
      },
    )
    done += batch.rows
    work.tell({
      step: 'copy',
      state: 'going',
      words: `${done} of about ${Math.max(plan.rows, done)} rows`,
      rows: done,
      of: Math.max(plan.rows, done),
      ...pace.outlook(Math.max(plan.rows - done, 0)),
    })
    if (batch.upTo === null) return
    position = batch.upTo
  }
}

/** Rows are waited for, not tables: nobody queues behind that. */
const COPY_PAUSE_MS = 100

const rowOf = (columns: readonly string[]): string => `(${columns.map(named).join(', ')})`

function boundOf(columns: readonly string[], { columns: all }: Definition, first: number): string {
  const types = columns.map((name) => all.find((one) => one.name === name)?.shownType ?? 'text')
  return `(${types.map((type, index) => `$${first + index}::text::${type}`).join(', ')})`
}

/** The key at which a batch ends; null when this is the last. It is read without locks: a locked row may have another key by then. */
async function batchEnd(
  hand: Hand,
  table: string,
  key: readonly string[],
  definition: Definition,
  from: readonly string[] | null,
  rows: number,
): Promise<string[] | null> {
  const found = await hand.rows<{ position: string[] }>(
    `SELECT ARRAY[${key.map((name) => `t.${named(name)}::text`).join(', ')}] AS position FROM ${table} t
      ${from === null ? '' : `WHERE ${rowOf(key)} > ${boundOf(key, definition, 1)}`}
      ORDER BY ${key.map((name) => `t.${named(name)}`).join(', ')} OFFSET ${rows - 1} LIMIT 1`,
    from === null ? [] : [...from],
  )
  return found[0]?.position ?? null
}

async function copyBatch(
  hand: Hand,
  { plan }: Work,
  definition: Definition,
  from: readonly string[] | null,
  upTo: readonly string[] | null,
): Promise<number> {
  const { legacy, apart } = tablesOf(plan)
  const { all, key } = copiedColumns(definition)
  const limits = [
    ...(from === null ? [] : [`${rowOf(key)} > ${boundOf(key, definition, 1)}`]),
    ...(upTo === null ? [] : [`${rowOf(key)} <= ${boundOf(key, definition, 1 + (from?.length ?? 0))}`]),
  ]
  const columns = all.map(named).join(', ')
  const rows = await hand.rows<{ count: number }>(
    `WITH source AS (SELECT ${columns} FROM ${legacy} ${limits.length === 0 ? '' : `WHERE ${limits.join(' AND ')}`}
                      ORDER BY ${key.map(named).join(', ')} FOR SHARE),
          copied AS (INSERT INTO ${apart} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM source
                     ON CONFLICT ${rowOf(key)} DO NOTHING)
     SELECT pg_catalog.count(*)::float8 AS count FROM source`,
    [...(from ?? []), ...(upTo ?? [])],
  )
  return rows[0]?.count ?? 0
}

/** Both sides in one snapshot: since every write goes to both, they are the same in each. */
const compareBoth: Step = async (work) => {
  const { tender, plan } = work
  const { legacy, apart } = tablesOf(plan)
  const { recheck: list } = marksOf(plan)
  const definition = await definitionOf(work, legacy)
  for (let attempt = 1; ; attempt += 1) {
    await drain(work, { source: legacy, target: apart, recheck: list }, definition)
    const differing = await differences(tender, plan, definition, legacy, apart)
    if (differing.length === 0) return
    if (attempt === COMPARISONS) throw copyDiffers(plan.table, differing)
  }
}

/** Both sides of a split, and the keys that are looked at once more. */
export interface Sides {
  readonly source: string
  readonly target: string
  readonly recheck: string
}

/** Looks at all keys that were written down, some at a time, so that nobody waits for it. */
export async function drain({ tender, plan }: Work, sides: Sides, definition: Definition): Promise<void> {
  const once = (): Promise<number> =>
    givingWay(tender, subjectOf(plan), 'look at rows once more', (_, hand) =>
      lookAgain(hand, sides, definition),
    )
  while ((await once()) > 0) tender.signal?.throwIfAborted()
}

/** The same under the lock; what has become too much by then gives way, and is drained before the next attempt. */
export async function drainUnderLock(hand: Hand, sides: Sides, definition: Definition): Promise<void> {
  for (let count = 0; (await lookAgain(hand, sides, definition)) > 0; count += 1)
    if (count === MOST_UNDER_LOCK) throw new TooMany()
}

const MOST_UNDER_LOCK = 2

/** More keys were written down than can be looked at under the lock. */
class TooMany extends Error {}

const EXCHANGES = 30

/** Exchanges under the lock what was drained just before. */
export async function drained(
  work: Work,
  sides: Sides,
  definition: Definition,
  exchange: () => Promise<void>,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await drain(work, sides, definition)
    try {
      return await exchange()
    } catch (error) {
      if (!(error instanceof TooMany)) throw error
      if (attempt === EXCHANGES) throw partitionLocked(work.plan.table, attempt, error)
    }
  }
}

/** Transactions with snapshots of their own may be open again and again. */
const COMPARISONS = 5

/** Names of the partitions whose rows are others than those of the old table, by number and by a sum of hashes. */
export function differences(
  tender: Tender,
  plan: ConversionPlan,
  definition: Definition,
  legacy: string,
  whole: string,
): Promise<string[]> {
  const { client } = tender
  const { all } = copiedColumns(definition)
  const row = `ROW(${all.map((name) => `x.${named(name)}`).join(', ')})::text`
  const sums = `pg_catalog.count(*)::text AS rows, coalesce(pg_catalog.sum(pg_catalog.hashtextextended(${row}, 0)::numeric), 0)::text AS sum`
  const limits = plan.partitions.slice(1).map(({ from }) => `${quoteLiteral(from ?? '')}::${plan.columnType}`)
  return withHand(tender, subjectOf(plan), async (hand) => {
    await client.query('SET lock_timeout = 0')
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    try {
      const old = await hand.rows<{ at: number; rows: string; sum: string }>(
        `SELECT pg_catalog.width_bucket(x.${named(plan.column)}, ARRAY[${limits.join(', ')}]::${plan.columnType}[])::int AS at, ${sums} FROM ${legacy} x GROUP BY 1`,
      )
      const copied = await hand.rows<{ name: string; rows: string; sum: string }>(
        `SELECT c.relname AS name, s.rows, s.sum FROM (SELECT x.tableoid AS oid, ${sums} FROM ${whole} x WHERE x.${named(plan.column)} < ${quoteLiteral(plan.cutoff)}::${plan.columnType} GROUP BY 1) s JOIN pg_catalog.pg_class c ON c.oid = s.oid`,
      )
      return plan.partitions.flatMap(({ name }, index) => {
        const [one, other] = [old.find(({ at }) => at === index), copied.find((found) => found.name === name)]
        return (one?.rows ?? '0') === (other?.rows ?? '0') && (one?.sum ?? '0') === (other?.sum ?? '0')
          ? []
          : [name]
      })
    } finally {
      await client.query('ROLLBACK').catch(() => {}) // the connection is gone: so is its transaction
    }
  })
}

/** The partitions take the old table's place. With a grace time, what is written to them goes to the old table, too. */
const exchangeThem: Step = async (work) => {
  const { tender, plan } = work
  const { table, apart, legacy } = tablesOf(plan)
  const marks = marksOf(plan)
  if ((await oidOf(tender.client, apart)) === undefined) throw tableChanged(plan.table, `${apart} is gone`)
  const definition = await definitionOf(work, legacy)
  const whole = await definitionOf(work, table)
  const sides = { source: legacy, target: apart, recheck: marks.recheck }
  await drained(work, sides, definition, () =>
    givingWay(tender, subjectOf(plan), `exchange ${legacy} for its partitions`, async (client, hand) => {
      await underLock(client, [table, ...whole.references.map(({ other }) => other), apart, marks.recheck])
      const now = await definitionOf(work, table)
      if (shapeOf(now, []) !== plan.shape)
        throw tableChanged(plan.table, 'its columns, constraints or indexes are no longer those of the plan')
      await drainUnderLock(hand, sides, definition)
      await runAll(client, hand, [
        ...(await endingMirror(client, marks.mirror)),
        ...(plan.graceMs > 0
          ? makingMirror(
              marks.back,
              { source: null, target: legacy, recheck: marks.recheck },
              definition,
              plan,
            ).map((ours) => ({ ours }))
          : []),
      ])
      await attachingAll(client, hand, plan, [
        `ALTER TABLE ${table} DETACH PARTITION ${legacy}`,
        // Without a grace time nothing keeps it up to date, by which it would be known.
        ...(plan.graceMs > 0 ? [] : [marking(work, legacy)]),
        ...plan.partitions.flatMap((one) => [
          `ALTER TABLE ${apart} DETACH PARTITION ${sqlOf(plan, one)}`,
          `ALTER TABLE ${table} ATTACH PARTITION ${sqlOf(plan, one)} ${boundsText(one)}`,
          `ALTER TABLE ${sqlOf(plan, one)} DROP CONSTRAINT ${LIMIT}`,
          ...(plan.graceMs > 0 ? mirroring(sqlOf(plan, one), UNDO, marks.back, one) : []),
        ]),
        `DROP TABLE ${apart}`,
      ])
      await work.conversions.undoable(work.conversion.id, plan.graceMs > 0 ? plan.graceMs : null)
      await work.conversions.ended(work.conversion.id, 'exchange')
    }),
  )
}

/** Runs statements that attach partitions, and refuses when one of them was looked through. */
async function attachingAll(
  client: pg.Client,
  hand: Hand,
  plan: ConversionPlan,
  statements: readonly string[],
): Promise<void> {
  const scans = async (): Promise<number> => {
    const { rows } = await client.query<{ scans: number }>(
      `SELECT sum(pg_stat_get_xact_numscans(to_regclass(name)))::float8 AS scans FROM unnest($1::text[]) name`,
      [plan.partitions.map((one) => sqlOf(plan, one))],
    )
    return rows[0]?.scans ?? 0
  }
  const before = await scans()
  await runAll(client, hand, statements)
  if ((await scans()) !== before) throw scannedUnderLock(plan.table)
}

const tidyUp: Step = async (work) => {
  const { plan, tender } = work
  const { table } = tablesOf(plan)
  await patiently(work, { ours: `ANALYZE ${table}` })
  const layout = await readLayout(tender.client, table)
  await work.conversions.noted(
    work.conversion.id,
    await proofs(work, layout, await definitionOf(work, table)),
  )
  if (plan.graceMs === 0) await dropOld(tender, work.conversion)
}

/** The steps of splitting. */
export const SPLIT_STEPS = {
  shadow: makeEmpty,
  mirror: mirrorWrites,
  copy: copyRows,
  compare: compareBoth,
  exchange: exchangeThem,
  tidy: tidyUp,
}
