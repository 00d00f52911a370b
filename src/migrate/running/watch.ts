import type pg from 'pg'
import { hideLiterals, systemClock } from '../../core/index.ts'
import { connectDirectly } from '../../pool/index.ts'

/** What is seen of a statement while it runs. */
export interface Sight {
  /** Part that is done as the server tells it, 0 to 100; null where it tells nothing. */
  readonly percent: number | null
  /** The server's word for what it does: `building index: scanning table`. */
  readonly phase: string | null
  /** Who is in the way, in words; empty when nobody is. */
  readonly blockedBy: string
}

const FIRST_LOOK_MS = 100
const POLL_MS = 500

/**
 * A second connection that looks at the runner from outside: how far a statement is, who is in its way, and
 * whether it holds locks that traffic waits for. Best effort: without it a run goes on, and knows less.
 */
export class RunnerWatch {
  readonly #url: string
  readonly #pid: number
  #opening: Promise<pg.Client | undefined> | undefined
  #isClosed = false
  #lastBlockers = ''

  constructor(url: string, pid: number) {
    this.#url = url
    this.#pid = pid
  }

  /**
   * Whether the runner holds a lock that stops reading or writing of a table that others can see. What its own
   * transaction made is not visible from here, which is just what is meant.
   */
  async holdsTraffic(): Promise<boolean> {
    const rows = await this.#ask<{ held: boolean }>(
      `SELECT EXISTS (
         SELECT FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation
          WHERE l.pid = $1 AND l.granted AND c.relkind IN ('r', 'p', 'm', 'i', 'I') AND c.oid >= 16384
            AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
            AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')) AS held`,
    )
    return rows[0]?.held ?? false
  }

  /** Who was in the way of the statement that ran last, as far as it was seen; empty when nobody was. */
  get lastBlockers(): string {
    return this.#lastBlockers
  }

  async #blockers(): Promise<string> {
    const rows = await this.#ask<{ words: string; query: string }>(
      `SELECT format('process %s, user %s%s, %s%s', a.pid, a.usename,
                     CASE WHEN a.application_name <> '' THEN ', ' || a.application_name ELSE '' END, a.state,
                     ', transaction for ' || extract(epoch FROM clock_timestamp() - a.xact_start)::int || ' s') AS words,
              left(a.query, 120) AS query
         FROM pg_catalog.pg_stat_activity a WHERE a.pid = ANY (pg_catalog.pg_blocking_pids($1)) LIMIT 3`,
    )
    return rows
      .map(({ words, query }) => `${words}: ${hideLiterals(query).replaceAll(/\s+/g, ' ').trim()}`)
      .join('; ')
  }

  /** Tells `onSight` twice a second what is seen, soon at first, until the returned function is called. */
  observe(onSight: (sight: Sight) => void): () => void {
    let isOver = false
    this.#lastBlockers = ''
    const look = async (): Promise<void> => {
      const sight = await this.#look().catch(() => undefined)
      if (isOver || sight === undefined) return
      this.#lastBlockers = sight.blockedBy
      onSight(sight)
      timer = systemClock.setTimer(() => void look(), POLL_MS, 'background')
    }
    let timer = systemClock.setTimer(() => void look(), FIRST_LOOK_MS, 'background')
    return () => {
      isOver = true
      timer.cancel()
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const client = await this.#opening
    await client?.end().catch(() => {}) // lost already
  }

  async #look(): Promise<Sight | undefined> {
    const rows = await this.#ask<{ phase: string; done: number; total: number }>(
      `SELECT phase, CASE WHEN blocks_total > 0 THEN blocks_done ELSE tuples_done END::float8 AS done,
              CASE WHEN blocks_total > 0 THEN blocks_total ELSE tuples_total END::float8 AS total
         FROM pg_catalog.pg_stat_progress_create_index WHERE pid = $1
       UNION ALL
       SELECT phase, heap_blks_scanned, heap_blks_total FROM pg_catalog.pg_stat_progress_cluster WHERE pid = $1
       UNION ALL
       SELECT phase, heap_blks_scanned, heap_blks_total FROM pg_catalog.pg_stat_progress_vacuum WHERE pid = $1
       UNION ALL
       SELECT command, bytes_processed, bytes_total FROM pg_catalog.pg_stat_progress_copy WHERE pid = $1`,
    )
    const [first] = rows
    return {
      phase: first?.phase ?? null,
      percent: first && first.total > 0 ? Math.min(100, (first.done / first.total) * 100) : null,
      blockedBy: await this.#blockers(),
    }
  }

  async #ask<Row extends Record<string, unknown>>(sql: string): Promise<Row[]> {
    if (this.#isClosed) return []
    this.#opening ??= connectDirectly(this.#url, 'holdfast migrate: watch').catch(() => undefined)
    const client = await this.#opening
    if (client === undefined) return []
    return client.query<Row>(sql, [this.#pid]).then(
      ({ rows }) => rows,
      () => [], // lost, or not allowed to look: the run goes on without
    )
  }
}
