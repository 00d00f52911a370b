import { type Hand, isHoldfastError, messageOf, type Queryable, quoteIdentifier } from '../core/index.ts'
import type { ArchivePlaces } from './archive/places.ts'
import { everyDoesNotFit, recordBroken } from './errors.ts'
import type { Layout } from './layout.ts'
import type { Every, Position } from './period.ts'
import { Policies, type Policy } from './policy.ts'
import { alone, change, isReplica, type Tender, withHand, withTender } from './tender.ts'

/** Which tables are kept, and where that is written down. */
export interface PartitionTarget extends ArchivePlaces {
  /** A direct way to the server: a transaction pooler breaks the lock that keeps two of them apart. */
  readonly url: string
  /** Schema of Holdfast's own tables. */
  readonly ownSchema: string
}

/** How upkeep is done. */
export interface UpkeepOptions {
  /** Only this table, as SQL names it. Default: all that are under upkeep. */
  readonly table?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** How looking after one table ended. */
export interface Outcome {
  readonly table: string
  /** `replica`: nothing may be done here. `busy`: somebody else does it just now. `failed`: see `error`. */
  readonly outcome: 'done' | 'replica' | 'busy' | 'failed'
  readonly error: string | null
  /** Of the error, where it has one. */
  readonly code: string | null
}

/** What of it could not be done, where the rest was. */
interface Partly {
  readonly failure?: unknown
}

/**
 * Looks after the tables that are kept, one after another. A table that fails does not hold up the others; why is written down.
 * @param nothing what there is to tell of a table that nothing was done for
 */
export async function tendEach<Done extends object>(
  { url, ownSchema }: PartitionTarget,
  { table: chosen, signal, isDryRun = false }: UpkeepOptions & { readonly isDryRun?: boolean | undefined },
  nothing: Done,
  work: (tender: Tender, policy: Policy) => Promise<Done & Partly>,
): Promise<(Outcome & Done)[]> {
  return withTender(url, signal, async (tender) => {
    const policies = new Policies(tender.client, ownSchema)
    const tended: (Outcome & Done)[] = []
    for (const { table, record, why } of chosen === undefined ? await policies.broken() : []) {
      const { message, code } = recordBroken(table, record, why)
      tended.push({ table, outcome: 'failed', error: message, code, ...nothing })
    }
    for (const policy of await policies.chosen(tender.client, chosen)) {
      const { table } = policy
      const end = (outcome: Outcome['outcome'], done = nothing, failure?: unknown): void =>
        void tended.push({
          table,
          outcome,
          error: failure === undefined ? null : messageOf(failure),
          code: isHoldfastError(failure) ? failure.code : null,
          ...done,
        })
      if (await isReplica(tender)) {
        end('replica')
        continue
      }
      try {
        const done = await aloneIn(url, tender, table, (own) => work(own, policy))
        if (!done) {
          end('busy')
          continue
        }
        const { failure, ...all } = done
        if (!isDryRun) await policies.note(table, failure === undefined ? null : messageOf(failure))
        end(failure === undefined ? 'done' : 'failed', all as Done, failure)
      } catch (error) {
        signal?.throwIfAborted()
        await policies.note(table, messageOf(error))
        end('failed', nothing, error)
      }
    }
    return tended
  })
}

/**
 * Work on one table in a session of its own: what the code of the table's owner does to that session, the locks and the notes of this
 * run, and the other tables, have nothing to do with. Undefined when somebody else tends the table.
 */
export async function aloneIn<T>(
  url: string,
  { client, signal }: Tender,
  table: string,
  work: (tender: Tender) => Promise<T>,
): Promise<T | undefined> {
  return withTender(url, signal, (own) => alone(own, table, () => work(own)), client)
}

/** A removal that was killed left the partition neither in nor out. @returns names of those that are out now */
export async function finishDetaching(tender: Tender, layout: Layout): Promise<string[]> {
  const half = layout.partitions.filter(({ isDetaching }) => isDetaching)
  for (const { sql } of half)
    await change(
      tender,
      layout,
      `finish detaching ${sql}`,
      [`ALTER TABLE ${layout.sql} DETACH PARTITION ${sql} FINALIZE`],
      { locks: [sql] },
    )
  return half.map(({ name }) => name)
}

/**
 * The place of now on a table's key: the server's clock, or the greatest integer there is.
 * @throws HF_PARTITION_EVERY
 */
export async function currentPlace(tender: Tender, layout: Layout, every: Every): Promise<Position> {
  refuseUnfitting(layout, every)
  if (layout.key.is === 'time') return clockOf(tender.client)
  return withHand(tender, layout, (hand) => greatestKey(hand, layout))
}

/** The greatest integer that a table's key has. */
export async function greatestKey(hand: Hand, { column, sql }: Layout): Promise<Position> {
  const rows = await hand.rows<{ now: string }>(
    `SELECT coalesce(pg_catalog.max(${quoteIdentifier(column)}), 0)::text AS now FROM ${sql}`,
  )
  return BigInt(rows[0]?.now ?? '0')
}

/** The server's clock, as a place on a time key. */
export async function clockOf(client: Queryable): Promise<Position> {
  const { rows } = await client.query<{ now: string }>(
    'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint::text AS now',
  )
  return BigInt(rows[0]?.now ?? '0')
}

/** @throws HF_PARTITION_EVERY */
export function refuseUnfitting({ sql, key }: Pick<Layout, 'sql' | 'key'>, every: Every): void {
  if (!fits(key, every)) throw everyDoesNotFit(sql, String(every), key.is)
}

/** Whether a key can be cut into pieces of this length. */
export const fits = (key: Layout['key'], every: Every): boolean =>
  (key.is === 'integer') === (typeof every === 'bigint') && !(key.isOfDays && every === 'hour')
