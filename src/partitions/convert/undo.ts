import type pg from 'pg'
import { type Hand, messageOf, quoteIdentifier, quoteLiteral, quoteQualified } from '../../core/index.ts'
import { conversionEnded, conversionNone, tableChanged, undoImpossible } from '../errors.ts'
import { requireSameDependents } from './dependents.ts'
import { readLayout } from '../layout.ts'
import { shortened } from '../name.ts'
import type { PartitionTarget } from '../upkeep.ts'
import { change, givingWay, runAll, vacuumAside, withHand } from '../tender.ts'
import {
  buildIndex,
  commentsOf,
  deferring,
  definitionOf,
  isMadeApart,
  ofOwner,
  oidOf,
  patiently,
  underLock,
} from './attach.ts'
import { lettingGo, movingSequences, taking } from './carry.ts'
import { type ConversionOptions, type Place, withConversions, workOf } from './convert.ts'
import type { Definition } from './definition.ts'
import { dropOld } from './ending.ts'
import { primaryKeyOf } from './keys.ts'
import { copiedColumns, endingMirror, marksOf, MIRROR } from './mirror.ts'
import { limitName, limitOf, tablesOf } from './plan.ts'
import type { Conversion } from './records.ts'
import { differences, drain, drained, drainUnderLock } from './split.ts'
import { verified } from './verified.ts'
import { subjectOf, type Work } from './work.ts'

const named = (name: string): string => quoteIdentifier(name)

/** More are not moved while the table is locked. */
const MOST_MOVED = 10_000

/**
 * Takes back a conversion that was begun and not ended: the table is as it was before.
 * @throws HF_PARTITION_NOT_OPEN, HF_PARTITION_NO_CONVERSION, HF_PARTITION_BUSY, HF_PARTITION_LOCK_TIMEOUT
 */
export function abortConversion(
  target: PartitionTarget,
  table: string,
  options: ConversionOptions = {},
): Promise<Conversion> {
  return withConversions(target, table, options, async (place) => {
    const latest = await latestOf(place)
    if (latest.state !== 'aborting' && (latest.state !== 'running' || hasPassed(latest)))
      throw conversionEnded(place.table)
    const work = await workOf(place, latest, options)
    const words = 'take away what was made, the table stays as it was'
    work.tell({ step: 'abort', state: 'begun', words })
    // Half taken away it cannot be gone on with.
    await place.conversions.aborting(latest.id)
    await (latest.kind === 'attach' ? abortAttach(work) : abortSplit(work))
    return ended(place, work, 'aborted', words, options)
  })
}

/** Whether the step that exchanges the tables was ended: it is written down with it. */
function hasPassed({ step, stepDone, plan }: Conversion): boolean {
  const order = plan.steps.map(({ name }) => name)
  const turn = order.findIndex((name) => name === 'swap' || name === 'exchange')
  const at = step === null ? -1 : order.indexOf(step)
  return at > turn || (at === turn && stepDone)
}

async function latestOf({ conversions, table }: Place): Promise<Conversion> {
  const [latest] = await conversions.list(table)
  if (!latest) throw conversionNone(table)
  return latest
}

async function ended(
  place: Place,
  work: Work,
  state: 'aborted' | 'undone',
  words: string,
  { recorder }: ConversionOptions,
): Promise<Conversion> {
  const { conversions, table } = place
  const { id } = work.conversion
  await conversions.finished(id, state)
  await recorder?.record({
    action: `partitions.${state === 'aborted' ? 'abort' : 'undo'}`,
    subject: table,
    details: { conversion: id },
  })
  work.tell({ step: state === 'aborted' ? 'abort' : 'undo', state: 'done', words })
  return (await conversions.list(table)).find((one) => one.id === id) as Conversion
}

async function abortAttach(work: Work): Promise<void> {
  const { tender, plan } = work
  const { table, apart } = tablesOf(plan)
  // The check first: it is what others can feel.
  await change(
    tender,
    subjectOf(plan),
    `free ${table}`,
    [`ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS ${named(limitName(plan))}`],
    { locks: [table] },
  )
  await dropApart(work, apart)
  if (plan.primaryKey) await dropKeyIndex(work, plan.primaryKey.index)
}

/** Only one that the first step has built: on this table, and no key of it. */
async function dropKeyIndex(work: Work, name: string): Promise<void> {
  const { tender, plan } = work
  const sql = quoteQualified(plan.schema, name)
  const { rows } = await tender.client.query<{ isOurs: boolean }>(
    `SELECT i.indrelid = to_regclass($2) AND NOT i.indisprimary
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint o WHERE o.conindid = i.indexrelid) AS "isOurs"
       FROM pg_catalog.pg_index i WHERE i.indexrelid = to_regclass($1)`,
    [sql, plan.table],
  )
  if (rows[0]?.isOurs === false) throw tableChanged(plan.table, `${sql} was not made by this conversion`)
  if (rows[0]) await patiently(work, { ours: `DROP INDEX CONCURRENTLY IF EXISTS ${sql}` })
}

async function abortSplit(work: Work): Promise<void> {
  const { tender, plan } = work
  const { legacy, apart } = tablesOf(plan)
  const { mirror, recheck } = marksOf(plan)
  // Only a function that mirrors this table is ours.
  const { triggers } = await definitionOf(work, legacy)
  if (triggers.some(({ name }) => name === MIRROR))
    await givingWay(tender, subjectOf(plan), `free ${legacy}`, async (client, hand) => {
      await vacuumAside(client, [legacy])
      await runAll(client, hand, await endingMirror(client, mirror))
    })
  await dropApart(work, apart)
  await dropApart(work, recheck)
}

/** With its partitions, and only if this conversion made it. A foreign key of it makes that wait for the other table. */
async function dropApart(work: Work, apart: string): Promise<void> {
  const { tender, plan } = work
  const isOurs = await isMadeApart(work, apart).catch(() => false) // somebody else's: left alone
  if (isOurs) await change(tender, subjectOf(plan), `drop ${apart}`, [`DROP TABLE IF EXISTS ${apart}`])
}

/**
 * Undoes the last conversion of a table that was ended: of a split the old table takes the place of its partitions again, with all
 * that was written since; of attaching it becomes the table again, with the rows of the other partitions.
 *
 * @throws HF_PARTITION_NO_UNDO with the reason, HF_PARTITION_NO_CONVERSION, HF_PARTITION_BUSY, HF_PARTITION_LOCK_TIMEOUT
 */
export function undoConversion(
  target: PartitionTarget,
  table: string,
  options: ConversionOptions = {},
): Promise<Conversion> {
  return withConversions(target, table, options, async (place) => {
    const all = await place.conversions.list(place.table)
    if (all.length === 0) throw conversionNone(place.table)
    if (all[0]?.state === 'running' || all[0]?.state === 'aborting')
      throw undoImpossible(place.table, 'it is not ended; take it back by: holdfast partition abort')
    const latest = all.find(({ state }) => state === 'done')
    if (!latest) throw undoImpossible(place.table, 'it was taken back already')
    const work = await workOf(place, latest, options)
    const words =
      latest.kind === 'split'
        ? 'put the old table in place of its partitions'
        : 'make the old table the table again'
    work.tell({ step: 'undo', state: 'begun', words })
    await (latest.kind === 'split' ? undoSplit(work) : undoAttach(work))
    return ended(place, work, 'undone', words, options)
  })
}

/**
 * Ends at once the time in which a split can be undone: before a migration that changes the table's columns, or to free the disk.
 * @throws HF_PARTITION_NO_UNDO where nothing is kept, HF_PARTITION_NO_CONVERSION, HF_PARTITION_BUSY
 */
export function finishConversion(
  target: PartitionTarget,
  table: string,
  options: ConversionOptions = {},
): Promise<Conversion> {
  return withConversions(target, table, options, async ({ tender, conversions, table: name }) => {
    const all = await conversions.list(name)
    const kept = all.find(
      ({ kind, state, undoUntil }) => kind === 'split' && state === 'done' && undoUntil !== null,
    )
    if (all.length === 0) throw conversionNone(name)
    if (!kept) throw undoImpossible(name, 'no old table of it is kept')
    await dropOld(tender, await verified(tender.client, kept))
    await conversions.undoable(kept.id, null)
    await options.recorder?.record({
      action: 'partitions.drop',
      subject: name,
      details: { dropped: [kept.plan.legacy], conversion: kept.id },
    })
    return { ...kept, undoUntil: null }
  })
}

async function undoSplit(work: Work): Promise<void> {
  const { tender, plan, conversion } = work
  const { table, legacy } = tablesOf(plan)
  const { client } = tender
  const { back, recheck } = marksOf(plan)
  if (conversion.undoUntil === null || (await oidOf(client, legacy)) === undefined)
    throw undoImpossible(plan.table, 'the old table was not kept, or its time is over')
  const definition = await definitionOf(work, legacy)
  const sides = { source: table, target: legacy, recheck }
  const layout = await readLayout(client, table)
  const made = plan.partitions
    .filter(({ name }) => layout.partitions.some((one) => one.name === name))
    .map(({ name }) => quoteQualified(plan.schema, name))
  // Partitions that were taken away, changed by others or brought back have rows that the old table has not heard of.
  await drain(work, sides, definition)
  const differing = await differences(tender, plan, definition, legacy, table).catch((error: unknown) => {
    throw undoImpossible(plan.table, `the old table no longer fits it (${messageOf(error)})`)
  })
  if (differing.length > 0)
    throw undoImpossible(
      plan.table,
      `${differing.join(', ')} hold other rows than the old table, which would be lost`,
    )
  if (!definition.checks.some(({ name }) => name === limitName(plan)))
    await change(
      tender,
      subjectOf(plan),
      `limit ${legacy}`,
      [`ALTER TABLE ${legacy} ADD CONSTRAINT ${named(limitName(plan))} CHECK (${limitOf(plan)}) NOT VALID`],
      { locks: [legacy] },
    )
  await patiently(work, `ALTER TABLE ${legacy} VALIDATE CONSTRAINT ${named(limitName(plan))}`)
  const whole = await definitionOf(work, table)
  await drained(work, sides, definition, () =>
    givingWay(tender, subjectOf(plan), `put ${legacy} back`, async (_, hand) => {
      await underLock(client, [table, ...whole.references.map(({ other }) => other), legacy, recheck])
      await drainUnderLock(hand, sides, definition)
      await runAll(client, hand, [
        ...(await endingMirror(client, back)),
        ...made.map((sql) => `ALTER TABLE ${table} DETACH PARTITION ${sql}`),
        `ALTER TABLE ${table} ATTACH PARTITION ${legacy} FOR VALUES FROM (MINVALUE) TO (${quoteLiteral(plan.cutoff)})`,
        `ALTER TABLE ${legacy} DROP CONSTRAINT ${named(limitName(plan))}`,
        // With what puts it back: what is killed behind it must not take it for a copy.
        ...made.map((sql) => `DROP TABLE ${sql}`),
        `DROP TABLE ${recheck}`,
      ])
      await work.conversions.finished(conversion.id, 'undone')
    }),
  )
}

async function undoAttach(work: Work): Promise<void> {
  const { tender, plan } = work
  const { table, legacy } = tablesOf(plan)
  const { client } = tender
  const layout = await readLayout(client, table).catch((error: unknown) => {
    throw undoImpossible(plan.table, messageOf(error))
  })
  const old = layout.partitions.find(({ name }) => name === plan.legacy)
  if (old?.from !== 'open')
    throw undoImpossible(plan.table, `${plan.legacy} is no longer its first partition`)
  await withHand(tender, subjectOf(plan), (hand) => refuseMany(hand, work))
  const primary = primaryKeyOf(await definitionOf(work, table))
  const index = primary && plan.primaryKey ? shortened(primary.name, 'undo') : undefined
  if (primary && plan.primaryKey && index !== undefined)
    await buildIndex(work, legacy, primary, index, plan.primaryKey.columns.slice(0, -1))
  const before = await definitionOf(work, table)
  const others = new Set([...before.references, ...before.referencedBy].map(({ other }) => other))
  others.delete(table)
  await givingWay(tender, subjectOf(plan), `make ${legacy} the table again`, async (_, hand) => {
    await underLock(client, [table, ...[...others].toSorted()])
    await refuseMany(hand, work)
    const definition = await definitionOf(work, table)
    await runAll(client, hand, ofOwner(plan, await swappingBack(client, work, definition, index)))
    await requireSameDependents(client, plan.table, definition)
    await work.policies.remove(table)
    await work.conversions.finished(work.conversion.id, 'undone')
  })
  for (const { name, other, isValidated } of (await definitionOf(work, table)).referencedBy)
    if (!isValidated) await patiently(work, `ALTER TABLE ${other} VALIDATE CONSTRAINT ${named(name)}`)
}

/** Rows of later partitions are moved under the lock. */
async function refuseMany(hand: Hand, { plan }: Work): Promise<void> {
  const { table } = tablesOf(plan)
  const rows = await hand.rows<{ many: boolean }>(
    `SELECT pg_catalog.count(*) > ${MOST_MOVED} AS many FROM (SELECT FROM ${table} WHERE ${named(plan.column)} >= ${quoteLiteral(plan.cutoff)}::${plan.columnType} LIMIT ${MOST_MOVED + 1}) rows`,
  )
  if (rows[0]?.many === true)
    throw undoImpossible(
      plan.table,
      `more than ${MOST_MOVED} rows lie behind ${plan.cutoff}, in partitions of their own; moving them would keep the table locked`,
    )
}

/** The swap, the other way round: the old table takes what hangs on the partitioned one, which is dropped. */
async function swappingBack(
  client: pg.Client,
  { plan }: Work,
  d: Definition,
  index: string | undefined,
): Promise<string[]> {
  const { table, legacy, apart } = tablesOf(plan)
  const { all } = copiedColumns(d)
  const columns = all.map(named).join(', ')
  const primary = primaryKeyOf(d)
  const statistics = new Map(plan.renames.map(({ name, apart: other }) => [name, other]))
  const { rows: pairs } = await client.query<{ name: string; child: string }>(
    `SELECT p.relname AS name, format('%I.%I', n.nspname, c.relname) AS child FROM pg_catalog.pg_inherits i
       JOIN pg_catalog.pg_class p ON p.oid = i.inhparent JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_index x ON x.indexrelid = c.oid
      WHERE x.indrelid = to_regclass($1) ORDER BY p.relname`,
    [legacy],
  )
  const kept = pairs.filter(({ name }) => !(index !== undefined && name === primary?.name))
  const free = (name: string): string => shortened(name, 'gone')
  return [
    ...lettingGo(d, statistics),
    `ALTER TABLE ${table} DETACH PARTITION ${legacy}`,
    ...movingSequences(d, table, legacy),
    `INSERT INTO ${legacy} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM ${table}`,
    ...pairs.map(
      ({ name }) => `ALTER INDEX ${quoteQualified(plan.schema, name)} RENAME TO ${named(free(name))}`,
    ),
    ...kept.map(({ name, child }) => `ALTER INDEX ${child} RENAME TO ${named(name)}`),
    ...(primary && index !== undefined && plan.primaryKey
      ? [
          `ALTER TABLE ${legacy} DROP CONSTRAINT ${named(plan.primaryKey.index)}, ADD CONSTRAINT ${named(primary.name)} PRIMARY KEY USING INDEX ${named(index)}${primary.constraint ? deferring(primary.constraint) : ''}`,
        ]
      : []),
    `ALTER TABLE ${table} RENAME TO ${named(plan.apart)}`,
    `ALTER TABLE ${legacy} RENAME TO ${named(plan.name)}`,
    ...plan.renames
      .filter(({ name }) => d.statistics.some((one) => one.name === name))
      .map(({ legacy: renamed }) => `DROP STATISTICS IF EXISTS ${quoteQualified(plan.schema, renamed)}`),
    ...taking(d, (referenced) => referenced.length > 0),
    ...(primary ? commentsOf(primary, table) : []),
    `DROP TABLE ${apart}`,
  ]
}
