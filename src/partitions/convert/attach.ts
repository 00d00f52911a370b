import type pg from 'pg'
import { messageOf, quoteIdentifier, quoteLiteral, quoteQualified } from '../../core/index.ts'
import { conversionBlocked, cutoffNear, scannedUnderLock, tableChanged } from '../errors.ts'
import { requireSameDependents } from './dependents.ts'
import { type KeyKind, keyKindOf } from '../key.ts'
import { readLayout } from '../layout.ts'
import { closed, makePartition, readManner } from '../make.ts'
import { type Every, parseEvery } from '../period.ts'
import { change, givingWay, runAll, type Statement, type Tender, vacuumAside, withHand } from '../tender.ts'
import { clockOf } from '../upkeep.ts'
import { commenting, lettingGo, movingSequences, taking } from './carry.ts'
import { type Definition, type Index, readDefinition } from './definition.ts'
import { readKeyFacts } from './key-facts.ts'
import { primaryKeyOf, sharedIndexes, uniquesWithoutKey } from './keys.ts'
import { type ConversionPlan, limitName, limitOf, obstacles, tablesOf } from './plan.ts'
import { preflight } from './preflight.ts'
import { proofs } from './proof.ts'
import { shapeOf } from './shape.ts'
import { type Step, subjectOf, type Work } from './work.ts'

const named = (name: string): string => quoteIdentifier(name)

/** Queued behind others for longer, the locks of the swap are given up. */
const QUEUE_MS = 200
/** A statement of the swap that takes longer is not what it should be. */
const STATEMENT_MS = 300
/** What is not locked from the beginning: views, publications. */
const LATE_QUEUE_MS = 100
/** Before the cutoff, when the old table begins to refuse what lies behind it. */
const LEAST_LEAD_MS = 3_600_000n
const LEAST_LEAD_SHARE = 10n

export async function oidOf(client: pg.Client, table: string): Promise<number | undefined> {
  const { rows } = await client.query<{ oid: number | null }>(
    'SELECT to_regclass($1)::oid::int8::float8 AS oid',
    [table],
  )
  return rows[0]?.oid ?? undefined
}

export async function definitionOf({ tender, version, plan }: Work, table: string): Promise<Definition> {
  const oid = await oidOf(tender.client, table)
  const found = oid === undefined ? undefined : await readDefinition(tender.client, oid, version)
  if (!found) throw tableChanged(plan.table, `${table} is gone`)
  return found
}

/**
 * Beside the traffic: what it waits for holds nobody up, and so it may wait. What cannot be in a transaction is ours: PostgreSQL itself
 * builds indexes as the owner of the table.
 */
export async function patiently({ tender, plan }: Work, statement: Statement): Promise<void> {
  await withHand(tender, subjectOf(plan), async (hand) => {
    await tender.client.query('SET lock_timeout = 0')
    await runAll(tender.client, hand, [statement])
  })
}

/** The unique index that the primary key becomes. An invalid one is what an earlier attempt left. */
export async function buildIndex(
  work: Work,
  table: string,
  primary: Index,
  name: string,
  columns: readonly string[],
): Promise<void> {
  const { client } = work.tender
  const sql = quoteQualified(work.plan.schema, name)
  const { rows } = await client.query<{ valid: boolean }>(
    'SELECT indisvalid AND indisready AS valid FROM pg_catalog.pg_index WHERE indexrelid = to_regclass($1)',
    [sql],
  )
  if (rows[0]?.valid === true) return
  if (rows[0]) await patiently(work, { ours: `DROP INDEX CONCURRENTLY ${sql}` })
  const { included, options, tablespace } = primary
  await patiently(work, {
    ours: `CREATE UNIQUE INDEX CONCURRENTLY ${named(name)} ON ${table} (${columns.map(named).join(', ')})${
      included.length === 0 ? '' : ` INCLUDE (${included.map(named).join(', ')})`
    }${options ? ` WITH (${options.join(', ')})` : ''}${tablespace ? ` TABLESPACE ${tablespace}` : ''}`,
  })
}

const buildKeyIndex: Step = async (work) => {
  const { plan } = work
  const primary = primaryKeyOf(await definitionOf(work, plan.table))
  if (primary && plan.primaryKey)
    await buildIndex(work, plan.table, primary, plan.primaryKey.index, plan.primaryKey.columns)
}

const makeApart: Step = async (work) => {
  const { tender, plan } = work
  const { table, apart } = tablesOf(plan)
  const definition = await definitionOf(work, table)
  if (!(await isMadeApart(work, apart)))
    await change(tender, subjectOf(plan), `make ${apart}`, [
      {
        ours: `CREATE TABLE ${apart} (LIKE ${table} INCLUDING ALL EXCLUDING IDENTITY EXCLUDING INDEXES EXCLUDING STATISTICS) PARTITION BY RANGE (${named(plan.column)})`,
      },
      { ours: `ALTER TABLE ${apart} OWNER TO ${named(plan.owner)}` },
      closed(apart),
      marking(work, apart),
      // Made again behind the check of an earlier attempt, it would have it, too.
      `ALTER TABLE ${apart} DROP CONSTRAINT IF EXISTS ${named(limitName(plan))}`,
      ...carriedIndexes(plan, definition).flatMap((one) => makingIndex(work, one, apart)),
    ])
  await referencing(work, apart, definition)
  await ahead(work, apart, definition)
}

/** Whether a table that stands apart is this conversion's own: it carries its mark. @throws HF_PARTITION_CHANGED for somebody else's */
export async function isMadeApart({ tender, plan, conversion }: Work, apart: string): Promise<boolean> {
  const { rows } = await tender.client.query<{ mark: string | null }>(
    `SELECT obj_description(c.oid, 'pg_class') AS mark FROM pg_catalog.pg_class c WHERE c.oid = to_regclass($1)`,
    [apart],
  )
  if (rows[0] && rows[0].mark !== markOf(conversion.id))
    throw tableChanged(plan.table, `${apart} is there, and was not made by this conversion`)
  return rows[0] !== undefined
}

export const markOf = (id: string): string => `made by the conversion ${id}`

export const marking = ({ conversion }: Work, table: string): string =>
  `COMMENT ON TABLE ${table} IS ${quoteLiteral(markOf(conversion.id))}`

/** What stands apart references what the table does. */
export async function referencing(work: Work, apart: string, definition: Definition): Promise<void> {
  const { tender, plan } = work
  const made = await definitionOf(work, apart)
  for (const { name, definition: words, other } of definition.references) {
    if (other === definition.sql || made.references.some((one) => one.name === name)) continue
    await change(tender, subjectOf(plan), `add ${name}`, [
      `ALTER TABLE ${apart} ADD CONSTRAINT ${named(name)} ${words}`,
    ])
  }
}

/** Whether a partition is made already. @throws HF_PARTITION_CHANGED for a table of somebody else that has its name */
export async function isPartOf({ tender, plan }: Work, apart: string, partition: string): Promise<boolean> {
  const { rows } = await tender.client.query<{ isPart: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhrelid = c.oid AND inhparent = to_regclass($2)) AS "isPart"
       FROM pg_catalog.pg_class c WHERE c.oid = to_regclass($1)`,
    [partition, apart],
  )
  if (rows[0]?.isPart === false)
    throw tableChanged(plan.table, `${partition} is there, and was not made by this conversion`)
  return rows[0] !== undefined
}

/** The partitions that are ready when the table is swapped. */
async function ahead(work: Work, apart: string, definition: Definition): Promise<void> {
  const { tender, plan } = work
  const { key } = keyOf(plan, definition)
  const uniques = uniquesWithoutKey(definition, plan.column).map(({ rest }) => rest)
  const manner = { ...(await readManner(tender.client, apart, definition.sql)), uniques }
  for (const { name, from, to } of plan.partitions) {
    if (await isPartOf(work, apart, quoteQualified(plan.schema, name))) continue
    const layout = { schema: plan.schema, sql: apart, owner: plan.owner, key }
    const period = { from: key.read(from ?? '') as bigint, to: key.read(to) as bigint }
    await makePartition(tender, layout, name, period, manner)
  }
}

/** The indexes of the old table that the new one gets, too. */
const carriedIndexes = (plan: ConversionPlan, definition: Definition): Index[] =>
  sharedIndexes(definition, plan.column).filter(({ name }) => name !== plan.primaryKey?.index)

/** An index of the old table on the new one, under the name that it has until it is in its place. */
function makingIndex({ plan }: Work, index: Index, apart: string): string[] {
  const name = plan.renames.find((one) => one.name === index.name)?.apart ?? index.name
  const { constraint, included, options, tablespace } = index
  const place = tablespace === null ? [] : [`SET LOCAL default_tablespace = ${tablespace}`]
  const back = tablespace === null ? [] : ['SET LOCAL default_tablespace = DEFAULT']
  if (!constraint)
    return [
      ...place,
      `CREATE ${index.isUnique ? 'UNIQUE ' : ''}INDEX ${named(name)} ON ${apart} ${index.rest}`,
      ...back,
    ]
  const columns = constraint.type === 'p' ? plan.primaryKey?.columns : undefined
  // What the key is has to be said anew; the rest is as it was.
  const words = columns
    ? `PRIMARY KEY (${columns.map(named).join(', ')})${included.length === 0 ? '' : ` INCLUDE (${included.map(named).join(', ')})`}`
    : constraint.definition.replace(/( NOT)? DEFERRABLE.*$/, '')
  const storage = options ? ` WITH (${options.join(', ')})` : ''
  return [
    ...place,
    `ALTER TABLE ${apart} ADD CONSTRAINT ${named(name)} ${words}${storage}${deferring(constraint)}`,
    ...back,
  ]
}

export const deferring = ({ isDeferrable, isDeferred }: NonNullable<Index['constraint']>): string =>
  isDeferrable ? ` DEFERRABLE${isDeferred ? ' INITIALLY DEFERRED' : ''}` : ''

/** The kind of the key, and the column as it is declared. */
function keyOf({ column, table }: ConversionPlan, definition: Definition): { key: KeyKind } {
  const found = definition.columns.find(({ name }) => name === column)
  const key = found && keyKindOf(found.type)
  if (!key) throw tableChanged(table, `the column ${column} is gone`)
  return { key }
}

const limitOld: Step = async (work) => {
  const { tender, plan } = work
  const { table } = tablesOf(plan)
  const definition = await definitionOf(work, table)
  await refuseNearCutoff(work, definition)
  if (definition.checks.some(({ name }) => name === limitName(plan))) return
  await change(
    tender,
    subjectOf(plan),
    `limit ${table}`,
    [`ALTER TABLE ${table} ADD CONSTRAINT ${named(limitName(plan))} CHECK (${limitOf(plan)}) NOT VALID`],
    { locks: [table] },
  )
}

/** From the check on rows behind the cutoff are refused: it must not come before the table is swapped. */
async function refuseNearCutoff({ tender, plan }: Work, definition: Definition): Promise<void> {
  if (await isNearCutoff(tender, plan, definition)) throw cutoffNear(plan.table, plan.cutoff)
}

/** Whether rows behind the cutoff are to be expected soon. */
export async function isNearCutoff(
  tender: Tender,
  plan: ConversionPlan,
  definition: Definition,
): Promise<boolean> {
  const { key } = keyOf(plan, definition)
  const every = parseEvery(plan.every)
  const cutoff = key.read(plan.cutoff)
  if (every === undefined || cutoff === undefined) return false
  const now =
    key.is === 'time'
      ? await clockOf(tender.client)
      : (
          await withHand(tender, subjectOf(plan), (hand) =>
            readKeyFacts(hand, definition.sql, plan.column, key, false),
          )
        ).now
  return now + (typeof every === 'bigint' ? every / LEAST_LEAD_SHARE : LEAST_LEAD_MS) >= cutoff
}

const validateLimit: Step = async (work) => {
  const { plan } = work
  const { table } = tablesOf(plan)
  await refuseNearCutoff(work, await definitionOf(work, table))
  await patiently(work, `ALTER TABLE ${table} VALIDATE CONSTRAINT ${named(limitName(plan))}`)
}

/** What the conversion itself puts on the old table. */
const ownMarks = (plan: ConversionPlan): string[] => [
  limitName(plan),
  ...(plan.primaryKey ? [plan.primaryKey.index] : []),
]

const swapTables: Step = async (work) => {
  const { tender, plan, version } = work
  const { table, apart } = tablesOf(plan)
  await definitionOf(work, apart)
  const before = await definitionOf(work, table)
  const others = new Set([...before.references, ...before.referencedBy].map(({ other }) => other))
  others.delete(table)
  await givingWay(tender, subjectOf(plan), `put ${apart} in place of ${table}`, async (client, hand) => {
    await underLock(client, [table, ...[...others].toSorted(), apart])
    const definition = await readDefinition(client, before.oid, version)
    if (!definition || shapeOf(definition, ownMarks(plan)) !== plan.shape)
      throw tableChanged(plan.table, 'its columns, constraints or indexes are no longer those of the plan')
    const found = preflight(definition, plan.column, 'attach')
    const inTheWay = obstacles({ findings: found, accepted: plan.accepted })
    if (inTheWay.length > 0) throw conversionBlocked(plan.table, inTheWay)
    const scans = await scansOf(client, definition.oid)
    await runAll(client, hand, ofOwner(plan, swapping(work, definition)))
    await requireSameDependents(client, plan.table, definition)
    if ((await scansOf(client, definition.oid)) !== scans) throw scannedUnderLock(plan.table)
    await work.policies.set({ table, every: parseEvery(plan.every) as Every, ...plan.policy })
    await work.conversions.ended(work.conversion.id, 'swap')
  })
}

/** Locks tables in this order, or gives way. What is done then has to be quick, too. */
export async function underLock(client: pg.Client, tables: readonly string[]): Promise<void> {
  await vacuumAside(client, tables)
  await client.query(`SET LOCAL statement_timeout = ${QUEUE_MS}`)
  await client.query(`LOCK TABLE ${tables.join(', ')} IN ACCESS EXCLUSIVE MODE`)
  await client.query(
    `SET LOCAL statement_timeout = ${STATEMENT_MS}; SET LOCAL lock_timeout = ${LATE_QUEUE_MS}`,
  )
}

/** How often this transaction has gone through a table: not once more, or the lock was held for as long. */
async function scansOf(client: pg.Client, oid: number): Promise<number> {
  const { rows } = await client.query<{ scans: number }>(
    'SELECT pg_stat_get_xact_numscans($1::int8::oid)::float8 AS scans',
    [oid],
  )
  return rows[0]?.scans ?? 0
}

/**
 * Whose hand the statements of a swap need: what changes the table may set off its checks, and so is the owner's; names, views, grants
 * and the tables of others are ours to change, and set off nothing.
 */
export function ofOwner(plan: ConversionPlan, statements: readonly string[]): Statement[] {
  const own = Object.values(tablesOf(plan)).map((table) => `ALTER TABLE ${table} `)
  const isOwners = (one: string): boolean =>
    own.some((start) => one.startsWith(start)) && !/^ALTER TABLE \S+ RENAME TO /.test(one)
  return statements.map((one) => (isOwners(one) || /^(INSERT|DROP TABLE) /.test(one) ? one : { ours: one }))
}

/** All that the swap does, in one message to the server. */
function swapping(work: Work, d: Definition): string[] {
  const { plan } = work
  const { table, legacy, apart } = tablesOf(plan)
  const primary = primaryKeyOf(d)
  const renames = new Map(plan.renames.map(({ name, legacy: renamed }) => [name, renamed]))
  const shared = carriedIndexes(plan, d)
  return [
    ...lettingGo(d, renames),
    `ALTER TABLE ${table} ALTER COLUMN ${named(plan.column)} SET NOT NULL`,
    ...(primary && plan.primaryKey
      ? [
          `ALTER TABLE ${table} DROP CONSTRAINT ${named(primary.name)}, ADD CONSTRAINT ${named(plan.primaryKey.index)} PRIMARY KEY USING INDEX ${named(plan.primaryKey.index)}${primary.constraint ? deferring(primary.constraint) : ''}`,
        ]
      : []),
    ...movingSequences(d, table, apart),
    ...shared
      .filter((one) => !(plan.primaryKey && one === primary))
      .map(({ sql, name }) => `ALTER INDEX ${sql} RENAME TO ${named(renames.get(name) ?? name)}`),
    `ALTER TABLE ${table} RENAME TO ${named(plan.legacy)}`,
    `ALTER TABLE ${apart} RENAME TO ${named(plan.name)}`,
    ...plan.renames
      .filter(({ name }) => shared.some((one) => one.name === name))
      .map(
        ({ name, apart: made }) =>
          `ALTER INDEX ${quoteQualified(plan.schema, made)} RENAME TO ${named(name)}`,
      ),
    `ALTER TABLE ${table} ATTACH PARTITION ${legacy} FOR VALUES FROM (MINVALUE) TO (${quoteLiteral(plan.cutoff)})`,
    `ALTER TABLE ${legacy} DROP CONSTRAINT ${named(limitName(plan))}`,
    `COMMENT ON TABLE ${table} IS NULL`,
    ...taking(d, (columns) => columns.includes(plan.column)),
    ...shared.flatMap((one) => commentsOf(one, table)),
    ...(d.rowSecurity
      ? plan.partitions.map(
          ({ name }) => `ALTER TABLE ${quoteQualified(plan.schema, name)} ENABLE ROW LEVEL SECURITY`,
        )
      : []),
  ]
}

export const commentsOf = ({ sql, name, comment, constraint }: Index, table: string): string[] => [
  ...commenting(`INDEX ${sql}`, comment),
  ...commenting(`CONSTRAINT ${named(name)} ON ${table}`, constraint?.comment ?? null),
]

/** A foreign key that was made anew is checked beside the traffic; statistics are there for the whole. */
const proveIt: Step = async (work) => {
  const { plan, tender } = work
  const { table } = tablesOf(plan)
  const definition = await definitionOf(work, table)
  const failed: string[] = []
  for (const { name, other, isValidated } of definition.referencedBy)
    if (!isValidated)
      await patiently(work, `ALTER TABLE ${other} VALIDATE CONSTRAINT ${named(name)}`).catch(
        (error: unknown) => {
          failed.push(
            `the foreign key ${name} of ${other} is there and could not be validated: ${messageOf(error)}`,
          )
        },
      )
  await patiently(work, { ours: `ANALYZE ${table}` })
  const layout = await readLayout(tender.client, table)
  await work.conversions.noted(work.conversion.id, [...failed, ...(await proofs(work, layout, definition))])
}

/** The steps of attaching in place. */
export const ATTACH_STEPS = {
  index: buildKeyIndex,
  parent: makeApart,
  check: limitOld,
  validate: validateLimit,
  swap: swapTables,
  verify: proveIt,
}
