import { quoteLiteral, quoteQualified } from '../../core/index.ts'
import { fileIn, type Store } from '../../storage/index.ts'
import { partitionAlive, partitionUnknown } from '../errors.ts'
import { type Layout, type Partition, readLayout } from '../layout.ts'
import type { Policy } from '../policy.ts'
import { change, givingWay, handOf, type Tender, vacuumAside, withHand } from '../tender.ts'
import { finishDetaching } from '../upkeep.ts'
import { type Archived, archivePartition } from './archive.ts'
import type { ArchiveFormat } from './encoding.ts'
import type { Removal, Removals } from './removals.ts'
import { columnsOf } from './columns.ts'
import { exactly, fingerprint } from './rows.ts'

/** Takes single partitions away; each way can be killed anywhere and done again. */
export class Taker {
  readonly #tender: Tender
  readonly #layout: Layout
  readonly #removals: Removals
  readonly #known: readonly Removal[]
  readonly #how: Policy['retention']
  readonly #store: Store | undefined
  readonly #format: ArchiveFormat

  constructor(
    tender: Tender,
    layout: Layout,
    removals: Removals,
    known: readonly Removal[],
    how: Policy['retention'],
    store: Store | undefined,
    format: ArchiveFormat,
  ) {
    this.#tender = tender
    this.#layout = layout
    this.#removals = removals
    this.#known = known
    this.#how = how
    this.#store = store
    this.#format = format
  }

  /**
   * Of these names those that are tables of their own by now. What is gone altogether is written down as done.
   * @param seen those that were seen as partitions of the table just now; of the others the catalog has to say that they were
   * @returns also the names of those that are there, and were not taken out by the removal that names them
   */
  async detachedOf(
    names: readonly string[],
    seen: readonly string[],
  ): Promise<{ found: string[]; foreign: string[] }> {
    const [found, foreign]: [string[], string[]] = [[], []]
    for (const name of names) {
      if (this.#partition(name)) continue
      const { rows } = await this.#tender.client.query<{ isOurs: boolean }>(
        `SELECT c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition AND c.relowner = t.relowner
                  AND ($4 OR coalesce(obj_description(c.oid, 'pg_class') = $3, false)) AS "isOurs"
           FROM pg_catalog.pg_class c, pg_catalog.pg_class t WHERE c.oid = to_regclass($1) AND t.oid = $2`,
        [this.#sql(name), this.#layout.oid, markOf(this.#begun(name)?.id ?? ''), seen.includes(name)],
      )
      if (!rows[0]) await this.#removals.done(this.#layout.sql, name, null, null)
      else (rows[0].isOurs ? found : foreign).push(name)
    }
    return { found, foreign }
  }

  /** @returns where its archive is, if it has one */
  async take(name: string, how: Policy['retention'] = this.#how): Promise<string | undefined> {
    const partition = this.#partition(name)
    if (how === 'detach') {
      if (partition) await detach(this.#tender, this.#layout, partition)
      return undefined
    }
    const id = await this.#removals.begin(this.#layout.sql, name, how, this.#bounds(name))
    await this.#mark(name, id)
    const archived = how === 'archive' ? await this.#archive(name) : undefined
    if (partition) await detach(this.#tender, this.#layout, partition)
    await this.#drop(name, archived)
    return archived && fileIn(this.#store?.place ?? '', archived.name)
  }

  /** Once it is out of the table nothing else tells that it ever was in it. */
  async #mark(name: string, id: string): Promise<void> {
    const sql = this.#sql(name)
    await change(this.#tender, this.#layout, `mark ${sql}`, [
      `COMMENT ON TABLE ${sql} IS ${quoteLiteral(markOf(id))}`,
    ])
  }

  /** Before it is detached: until then its limits are known, and a kill loses nothing. */
  async #archive(name: string): Promise<Archived> {
    if (!this.#store) throw partitionUnknown(this.#layout.sql, name)
    const { sql: table, column } = this.#layout
    const store = this.#store
    const subject = { table, partition: name, sql: this.#sql(name), column, bounds: this.#bounds(name) }
    return withHand(this.#tender, this.#layout, async (hand) => {
      await this.#tender.client.query('SET lock_timeout = 0')
      return archivePartition(this.#tender.client, hand, store, subject, this.#format)
    })
  }

  /** As they are; or, where an earlier run has detached it, as they were. */
  #bounds(name: string): string {
    const limit = (text: string): string =>
      text === 'MINVALUE' || text === 'MAXVALUE' ? text : quoteLiteral(text)
    const partition = this.#partition(name)
    return partition
      ? `FOR VALUES FROM (${limit(partition.fromText)}) TO (${limit(partition.toText)})`
      : (this.#begun(name)?.bounds ?? '')
  }

  #begun(name: string): Removal | undefined {
    return this.#known.find((one) => one.partition === name && one.state === 'begun')
  }

  /** Under a lock that nobody writes behind, and only if it is still what was archived. */
  async #drop(name: string, archived: Archived | undefined): Promise<void> {
    const { sql: table } = this.#layout
    const sql = this.#sql(name)
    await givingWay(this.#tender, this.#layout, `drop ${sql}`, async (client, hand) => {
      await vacuumAside(client, [sql])
      await client.query(`LOCK TABLE ${sql} IN ACCESS EXCLUSIVE MODE`)
      if (archived) {
        await client.query(exactly)
        if ((await fingerprint(hand, sql, await columnsOf(client, sql))) !== archived.fingerprint)
          throw partitionAlive(table, name)
      }
      await hand.run(`DROP TABLE ${sql}`)
      await this.#removals.done(
        table,
        name,
        archived ? fileIn(this.#store?.place ?? '', archived.name) : null,
        archived ?? null,
      )
    })
  }

  #partition(name: string): Partition | undefined {
    return this.#layout.partitions.find((one) => one.name === name && !one.isDetaching)
  }

  #sql(name: string): string {
    return this.#partition(name)?.sql ?? quoteQualified(this.#layout.schema, name)
  }
}

/** The comment of a partition that is being taken away. */
const markOf = (id: string): string => `taken away by the removal ${id}`

/**
 * Beside the traffic; with a default partition PostgreSQL refuses that, and it takes a moment of ACCESS EXCLUSIVE. So it does where it has
 * to be the owner's: it looks at the partition's checks, and beside the traffic it can be nobody's but the session's.
 */
async function detach(tender: Tender, layout: Layout, { sql, name }: Partition): Promise<void> {
  const stray = layout.partitions.find(({ isDefault }) => isDefault)
  const statement = `ALTER TABLE ${layout.sql} DETACH PARTITION ${sql}`
  const { isConfined } = await handOf(tender, layout)
  if (stray !== undefined || isConfined)
    return change(tender, layout, `detach ${sql}`, [statement], { locks: stray ? [sql, stray.sql] : [sql] })
  try {
    await change(tender, layout, `detach ${sql}`, [`${statement} CONCURRENTLY`], {
      inTransaction: false,
      locks: [sql],
    })
  } catch (error) {
    // What was waited for may have gone, and the first half may have been done: then the second is due.
    const again = await readLayout(tender.client, layout.sql)
    const isHalf = again.partitions.some((one) => one.name === name && one.isDetaching)
    if (!isHalf) throw error
    await finishDetaching(tender, again)
  }
}
