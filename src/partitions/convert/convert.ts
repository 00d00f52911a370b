import type pg from 'pg'
import { messageOf, type Queryable, type Recorder } from '../../core/index.ts'
import { wholePlace } from '../../storage/index.ts'
import { requireKnownPlace } from '../archive/places.ts'
import {
  alreadyPartitioned,
  conversionBlocked,
  conversionNone,
  conversionOpen,
  consentNeeded,
  keyUnsupported,
  partitionBusy,
  partitionReplica,
  planChanged,
} from '../errors.ts'
import { findTable, readLayout } from '../layout.ts'
import { type Every, parseEvery } from '../period.ts'
import { Policies } from '../policy.ts'
import { aloneAfterOrphan, isReplica, type Tender, withTender } from '../tender.ts'
import type { PartitionTarget } from '../upkeep.ts'
import { ATTACH_STEPS } from './attach.ts'
import { type ConversionPlan, obstacles, type StepName } from './plan.ts'
import { planAttach, planSplit, type Surveyor, type Wishes } from './planning.ts'
import { type Conversion, Conversions } from './records.ts'
import { SPLIT_STEPS } from './split.ts'
import { verified } from './verified.ts'
import { AS_OURSELVES, type ConversionProgress, type Step, type Work } from './work.ts'

/** How a conversion is run. */
export interface ConversionOptions {
  readonly onProgress?: ((progress: ConversionProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
  readonly recorder?: Recorder | undefined
  /** Findings that are agreed to, for this call: see `accept` of {@link Wishes}. Default: none. */
  readonly accept?: readonly string[] | undefined
}

/** Which plan is run. */
export interface ConvertOptions extends ConversionOptions {
  /** Hash of the plan that was looked at. Default: whatever is planned now. */
  readonly plan?: string | undefined
}

/** About ten minutes: a long reader may have to end first. */
const ATTEMPTS = 600

const STEPS: Readonly<Record<StepName, Step>> = { ...ATTACH_STEPS, ...SPLIT_STEPS }

/**
 * What a conversion would do, and all that stands in its way. Reads only.
 *
 * @param table as SQL names it: `public.logs`
 * @throws HF_PARTITION_TABLE, HF_PARTITION_KEY, HF_PARTITION_EVERY, HF_PARTITION_CONVERTED, HF_CONNECT_*
 */
export function planConversion(
  target: PartitionTarget,
  table: string,
  wishes: Wishes,
): Promise<ConversionPlan> {
  return withTender(target.url, undefined, async (tender) => planWith(await surveying(tender), table, wishes))
}

async function planWith(surveyor: Surveyor, table: string, wishes: Wishes): Promise<ConversionPlan> {
  const { client } = surveyor
  const found = await findTable(client, table)
  const isPartitioned = found.kind === 'p'
  if (!isPartitioned && wishes.by === '')
    throw keyUnsupported(found.sql, 'nobody said by which column: --by <column>')
  if (!isPartitioned) return planAttach(surveyor, found.oid, wishes)
  if (wishes.mode !== 'split') throw alreadyPartitioned(found.sql)
  return planSplit(surveyor, await readLayout(client, found.sql), wishes)
}

/**
 * Converts a table that is in use: the steps of {@link planConversion}, each written down before and after. What is killed on the
 * way goes on with {@link resumeConversion}.
 *
 * @throws HF_PARTITION_BLOCKED with all findings, HF_PARTITION_PLAN_CHANGED, HF_PARTITION_OPEN where another was begun,
 *   HF_PARTITION_BUSY, HF_PARTITION_REPLICA, HF_PARTITION_LOCK_TIMEOUT and the others of planning
 */
export function convert(
  target: PartitionTarget,
  table: string,
  wishes: Wishes,
  options: ConvertOptions = {},
): Promise<Conversion> {
  if (wishes.archiveTo !== undefined) requireKnownPlace(target, wholePlace(wishes.archiveTo))
  return withConversions(target, table, options, async (place) => {
    const { conversions, surveyor, table: name } = place
    const open = (await conversions.list(name)).find(
      ({ state }) => state === 'running' || state === 'aborting',
    )
    if (open) throw conversionOpen(name, open.kind)
    const plan = await planWith(surveyor, name, wishes)
    if (options.plan !== undefined && options.plan !== plan.hash) throw planChanged(name, options.plan)
    const inTheWay = obstacles(plan)
    if (inTheWay.length > 0) throw conversionBlocked(name, inTheWay)
    const begun = await conversions.begin(plan)
    await options.recorder?.record({
      action: 'partitions.convert',
      subject: name,
      details: { plan: plan.hash, kind: plan.kind },
    })
    return goOn(place, begun, { ...options, accept: wishes.accept })
  })
}

/** Goes on with the conversion of a table. One that is finished is returned as it is. @throws HF_PARTITION_NO_CONVERSION, as {@link convert} */
export function resumeConversion(
  target: PartitionTarget,
  table: string,
  options: ConversionOptions = {},
): Promise<Conversion> {
  return withConversions(target, table, options, async (place) => {
    const latest = (await place.conversions.list(place.table))[0]
    if (!latest) throw conversionNone(place.table)
    if (latest.state === 'aborting') throw conversionOpen(place.table, 'it is being aborted')
    if (latest.state === 'running') return goOn(place, latest, options)
    return latest.state === 'done' && latest.plan.thenSplit ? splitNext(place, latest, options) : latest
  })
}

/** The conversions of a table, the latest first; without one those of all. @throws HF_PARTITION_OWN_SCHEMA, HF_PARTITION_TABLE */
export function conversionStatus({ url, ownSchema }: PartitionTarget, table?: string): Promise<Conversion[]> {
  return withTender(url, undefined, async (tender) => {
    const conversions = new Conversions(tender.client, ownSchema)
    if (table === undefined) return conversions.list()
    return conversions.list((await findTable(tender.client, table)).sql)
  })
}

/** The conversions of all tables, the latest first, with the given connection. @throws HF_PARTITION_OWN_SCHEMA */
export const listConversions = (db: Queryable, ownSchema: string): Promise<Conversion[]> =>
  new Conversions(db, ownSchema).list()

/** Where conversions of one table are worked on, alone. */
export interface Place {
  readonly tender: Tender
  readonly surveyor: Surveyor
  readonly conversions: Conversions
  readonly target: PartitionTarget
  readonly table: string
}

/** @throws HF_PARTITION_BUSY, HF_PARTITION_REPLICA, HF_PARTITION_TABLE */
export function withConversions<T>(
  target: PartitionTarget,
  table: string,
  { onProgress, signal }: ConversionOptions,
  work: (place: Place) => Promise<T>,
): Promise<T> {
  return withTender(target.url, signal, async (plain) => {
    let current = table
    const onWaiting = (what: string, attempt: number): void =>
      onProgress?.({
        table: current,
        step: 'swap',
        state: 'waiting',
        words: `${what}: not free, attempt ${attempt}`,
      })
    const tender = { ...plain, attempts: ATTEMPTS, onWaiting }
    const surveyor = await surveying(tender)
    current = (await findTable(tender.client, table)).sql
    if (await isReplica(tender)) throw partitionReplica(current)
    const conversions = new Conversions(tender.client, target.ownSchema)
    const done = await aloneAfterOrphan(tender, current, () =>
      work({ tender, surveyor, conversions, target, table: current }),
    )
    if (done === undefined) throw partitionBusy(current)
    return done.value
  })
}

/** The work of one conversion at a place. @throws HF_PARTITION_RECORD */
export async function workOf(
  { tender, surveyor, conversions, target }: Place,
  written: Conversion,
  { onProgress, accept }: ConversionOptions,
): Promise<Work> {
  const found = await verified(tender.client, written)
  const consents = accept?.includes(AS_OURSELVES) === true ? [AS_OURSELVES] : []
  if (
    consents.length === 0 &&
    written.plan.accepted.includes(AS_OURSELVES) &&
    (await hidesRows(tender.client, found.table))
  )
    throw consentNeeded(found.table, AS_OURSELVES)
  const conversion = { ...found, plan: { ...found.plan, accepted: [...found.plan.accepted, ...consents] } }
  return {
    tender,
    version: surveyor.version,
    url: target.url,
    conversions,
    policies: new Policies(tender.client, target.ownSchema),
    conversion,
    plan: conversion.plan,
    tell: (progress) => onProgress?.({ table: conversion.table, ...progress }),
  }
}

async function goOn(place: Place, conversion: Conversion, options: ConversionOptions): Promise<Conversion> {
  const { conversions } = place
  const { id, plan, step, stepDone } = conversion
  const at = plan.steps.findIndex(({ name }) => name === step)
  const work = await workOf(place, conversion, options)
  try {
    for (const { name, words } of plan.steps.slice(at < 0 ? 0 : stepDone ? at + 1 : at)) {
      options.signal?.throwIfAborted()
      await conversions.begun(id, name)
      work.tell({ step: name, state: 'begun', words })
      await STEPS[name](work)
      await conversions.ended(id, name)
      work.tell({ step: name, state: 'done', words })
    }
  } catch (error) {
    // On a lost connection nothing can be written down; the step that was begun is.
    await conversions.failed(id, messageOf(error)).catch(() => {})
    throw error
  }
  await conversions.finished(id, 'done')
  const finished = (await conversions.list(conversion.table)).find((one) => one.id === id) as Conversion
  return plan.thenSplit ? splitNext(place, finished, options) : finished
}

/** Attached, a table that was to be split is split. */
async function splitNext(
  place: Place,
  { table, plan }: Conversion,
  options: ConversionOptions,
): Promise<Conversion> {
  const { conversions, tender } = place
  const layout = await readLayout(tender.client, table)
  const next = await planSplit(place.surveyor, layout, {
    every: parseEvery(plan.every) as Every,
    premake: plan.policy.premake,
    accept: [...plan.accepted.filter((id) => id !== AS_OURSELVES), ...(options.accept ?? [])],
    graceMs: plan.graceMs,
  })
  const inTheWay = obstacles(next)
  if (inTheWay.length > 0) throw conversionBlocked(table, inTheWay)
  return goOn(place, await conversions.begin(next), options)
}

/** Whether row security is forced on a table. */
async function hidesRows(client: pg.Client, table: string): Promise<boolean> {
  const { rows } = await client.query<{ hides: boolean }>(
    'SELECT relforcerowsecurity AND relrowsecurity AS hides FROM pg_catalog.pg_class WHERE oid = to_regclass($1)',
    [table],
  )
  return rows[0]?.hides === true
}

/** A session that reads plans and definitions. */
async function surveying(tender: Tender): Promise<Surveyor> {
  const { rows } = await tender.client.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int / 10000 AS version`,
  )
  return { tender, client: tender.client, version: rows[0]?.version ?? 0 }
}
