import type pg from 'pg'
import { messageOf, quoteIdentifier, quoteLiteral, quoteQualified } from '../../core/index.ts'
import { conversionEnded, conversionNone, undoImpossible } from '../errors.ts'
import { readLayout } from '../layout.ts'
import { shortened } from '../name.ts'
import type { PartitionTarget } from '../upkeep.ts'
import { change, givingWay } from '../tender.ts'
import { buildIndex, commentsOf, definitionOf, oidOf, patiently, underLock } from './attach.ts'
import { lettingGo, movingSequences, taking } from './carry.ts'
import { type ConversionOptions, type Place, withConversions, workOf } from './convert.ts'
import type { Definition } from './definition.ts'
import { primaryKeyOf } from './keys.ts'
import { copiedColumns, marksOf, MIRROR, notMirroring, rechecking, UNDO } from './mirror.ts'
import { limitName, limitOf, tablesOf } from './plan.ts'
import type { Conversion } from './records.ts'
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
    if (latest.state !== 'running') throw conversionEnded(place.table)
    const work = workOf(place, latest, options)
    const words = 'take away what was made, the table stays as it was'
    work.tell({ step: 'abort', state: 'begun', words })
    // Behind the swap it is the partitioned table that is in use.
    const isThrough =
      (await oidOf(place.tender.client, tablesOf(latest.plan).apart)) === undefined && hasPassed(latest)
    if (isThrough) throw conversionEnded(place.table)
    await (latest.kind === 'attach' ? abortAttach(work) : abortSplit(work))
    return ended(place, work, 'aborted', words, options)
  })
}

/** Whether the step that exchanges the tables was ended. */
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
  await change(tender, subjectOf(plan), `free ${table}`, [
    `ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS ${named(limitName(plan))}`,
  ])
  await dropApart(work, apart)
  if (plan.primaryKey)
    await patiently(
      work,
      `DROP INDEX CONCURRENTLY IF EXISTS ${quoteQualified(plan.schema, plan.primaryKey.index)}`,
    )
}

async function abortSplit(work: Work): Promise<void> {
  const { tender, plan } = work
  const { legacy, apart } = tablesOf(plan)
  const { mirror, recheck } = marksOf(plan)
  await change(tender, subjectOf(plan), `free ${legacy}`, [
    ...notMirroring(legacy, MIRROR),
    `DROP FUNCTION IF EXISTS ${mirror}()`,
  ])
  await dropApart(work, apart)
  await change(tender, subjectOf(plan), `drop ${recheck}`, [`DROP TABLE IF EXISTS ${recheck}`])
}

/** With its partitions. A foreign key of it makes that wait for the other table. */
async function dropApart({ tender, plan }: Work, apart: string): Promise<void> {
  await change(tender, subjectOf(plan), `drop ${apart}`, [`DROP TABLE IF EXISTS ${apart}`])
  for (const { name } of plan.partitions)
    await change(tender, subjectOf(plan), `drop ${name}`, [
      `DROP TABLE IF EXISTS ${quoteQualified(plan.schema, name)}`,
    ])
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
    if (all[0]?.state === 'running')
      throw undoImpossible(place.table, 'it is not ended; take it back by: holdfast partition abort')
    const latest = all.find(({ state }) => state === 'done')
    if (!latest) throw undoImpossible(place.table, 'it was taken back already')
    const work = workOf(place, latest, options)
    const words =
      latest.kind === 'split'
        ? 'put the old table in place of its partitions'
        : 'make the old table the table again'
    work.tell({ step: 'undo', state: 'begun', words })
    await (latest.kind === 'split' ? undoSplit(work) : undoAttach(work))
    return ended(place, work, 'undone', words, options)
  })
}

async function undoSplit(work: Work): Promise<void> {
  const { tender, plan, conversion } = work
  const { table, legacy } = tablesOf(plan)
  const { client } = tender
  const { back, recheck } = marksOf(plan)
  if (conversion.undoUntil === null || (await oidOf(client, legacy)) === undefined)
    throw undoImpossible(plan.table, 'the old table was not kept, or its time is over')
  const layout = await readLayout(client, table)
  const isBack = layout.partitions.some(({ name }) => name === plan.legacy)
  const made = plan.partitions.map(({ name }) => ({ name, sql: quoteQualified(plan.schema, name) }))
  const attached = made.filter(({ name }) => layout.partitions.some((one) => one.name === name))
  if (!isBack) {
    const definition = await definitionOf(work, legacy)
    if (!definition.checks.some(({ name }) => name === limitName(plan)))
      await change(tender, subjectOf(plan), `limit ${legacy}`, [
        `ALTER TABLE ${legacy} ADD CONSTRAINT ${named(limitName(plan))} CHECK (${limitOf(plan)}) NOT VALID`,
      ])
    await patiently(work, `ALTER TABLE ${legacy} VALIDATE CONSTRAINT ${named(limitName(plan))}`)
    const whole = await definitionOf(work, table)
    await givingWay(tender, subjectOf(plan), `put ${legacy} back`, async () => {
      await underLock(client, [table, ...whole.references.map(({ other }) => other), legacy, recheck])
      for (const statement of rechecking(table, legacy, recheck, definition)) await client.query(statement)
      await client.query(
        [
          ...(await existing(client, made)).flatMap(({ sql }) => notMirroring(sql, UNDO)),
          `DROP FUNCTION IF EXISTS ${back}()`,
          ...attached.map(({ sql }) => `ALTER TABLE ${table} DETACH PARTITION ${sql}`),
          `ALTER TABLE ${table} ATTACH PARTITION ${legacy} FOR VALUES FROM (MINVALUE) TO (${quoteLiteral(plan.cutoff)})`,
          `ALTER TABLE ${legacy} DROP CONSTRAINT ${named(limitName(plan))}`,
        ].join(';\n'),
      )
    })
  }
  for (const { sql } of await existing(client, made))
    await change(tender, subjectOf(plan), `drop ${sql}`, [`DROP TABLE ${sql}`])
  await change(tender, subjectOf(plan), `drop ${recheck}`, [`DROP TABLE IF EXISTS ${recheck}`])
}

/** Those of the tables that are there, and no part of another table. */
async function existing<T extends { readonly sql: string }>(
  client: pg.Client,
  tables: readonly T[],
): Promise<T[]> {
  const found: T[] = []
  for (const one of tables) if ((await oidOf(client, one.sql)) !== undefined) found.push(one)
  return found
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
  await refuseMany(client, work)
  const primary = primaryKeyOf(await definitionOf(work, table))
  const index = primary && plan.primaryKey ? shortened(primary.name, 'undo') : undefined
  if (primary && plan.primaryKey && index !== undefined)
    await buildIndex(work, legacy, primary, index, plan.primaryKey.columns.slice(0, -1))
  const before = await definitionOf(work, table)
  const others = new Set([...before.references, ...before.referencedBy].map(({ other }) => other))
  others.delete(table)
  await givingWay(tender, subjectOf(plan), `make ${legacy} the table again`, async () => {
    await underLock(client, [table, ...[...others].toSorted()])
    await refuseMany(client, work)
    const definition = await definitionOf(work, table)
    await client.query((await swappingBack(client, work, definition, index)).join(';\n'))
    await work.policies.remove(table)
    await work.conversions.finished(work.conversion.id, 'undone')
  })
}

/** Rows of later partitions are moved under the lock. */
async function refuseMany(client: pg.Client, { plan }: Work): Promise<void> {
  const { table } = tablesOf(plan)
  const { rows } = await client.query<{ many: boolean }>(
    `SELECT count(*) > ${MOST_MOVED} AS many FROM (SELECT FROM ${table} WHERE ${named(plan.column)} >= ${quoteLiteral(plan.cutoff)}::${plan.columnType} LIMIT ${MOST_MOVED + 1}) rows`,
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
          `ALTER TABLE ${legacy} DROP CONSTRAINT ${named(plan.primaryKey.index)}, ADD CONSTRAINT ${named(primary.name)} PRIMARY KEY USING INDEX ${named(index)}`,
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
