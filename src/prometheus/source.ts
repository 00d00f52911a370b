import { type Clock, KeptAnswers } from '../core/index.ts'
import {
  type BackupTrace,
  type Middle,
  readBackupTrace,
  readDatabaseSize,
  type Reader,
  readIdentity,
  readLargestTables,
  readMiddle,
  readNow,
  type StatementFeed,
  type StatementTotals,
  type TableSize,
  totalsByStatement,
  type Values,
} from '../monitor/index.ts'

/** Statements, with the text of those that take most. */
export interface StatementsPicture {
  readonly all: readonly StatementTotals[]
  readonly top: readonly (StatementTotals & { readonly id: string; readonly text: string })[]
}

/** What a database is like now: what the gauges say, and what was counted. */
export interface DatabasePicture {
  readonly now: Values
  readonly middle: Middle
}

const NOW_MS = 5_000
const STATEMENTS_MS = 30_000
const SIZES_MS = 600_000
const MOST_TABLES = 20
const MOST_STATEMENTS = 20

/**
 * What Prometheus is told of one database. Several who scrape at once share one reading; what is dear is read seldom. Nothing is told
 * of what cannot be read.
 */
export class DatabaseSource {
  readonly #reader: Reader
  readonly #feed: StatementFeed
  readonly #clock: Clock
  readonly #answers: KeptAnswers

  constructor(reader: Reader, feed: StatementFeed, clock: Clock) {
    this.#reader = reader
    this.#feed = feed
    this.#clock = clock
    this.#answers = new KeptAnswers(clock)
  }

  /** Its name; undefined until it answered once. */
  name(): Promise<string | undefined> {
    return this.#read(
      'name',
      Number.POSITIVE_INFINITY,
      async () => (await readIdentity(this.#reader)).database,
    )
  }

  /** At most five seconds old. */
  picture(): Promise<DatabasePicture | undefined> {
    return this.#read('picture', NOW_MS, async () => ({
      now: await readNow(this.#reader),
      middle: await readMiddle(this.#reader, this.#clock.monotonicMs()),
    }))
  }

  /** At most half a minute old. */
  statements(): Promise<StatementsPicture | undefined> {
    return this.#read('statements', STATEMENTS_MS, async () => {
      const fed = await this.#feed.read(STATEMENTS_MS)
      if (!fed) return undefined
      const all = totalsByStatement(fed.reading.entries.values())
      const named = all.flatMap(({ id, ...totals }) => (id === null ? [] : [{ id, ...totals }]))
      const top = named.slice(0, MOST_STATEMENTS)
      const texts = await this.#feed.readTexts(
        fed,
        top.map(({ id }) => id),
      )
      return { all, top: top.map((one) => ({ ...one, text: texts.get(one.id) ?? '' })) }
    })
  }

  /** In bytes; at most ten minutes old. */
  size(): Promise<number | null | undefined> {
    return this.#read('size', SIZES_MS, async () => readDatabaseSize(this.#reader))
  }

  /** What the server knows of its backups; at most ten minutes old. */
  backups(): Promise<BackupTrace | undefined> {
    return this.#read('backups', SIZES_MS, async () => readBackupTrace(this.#reader))
  }

  /** The largest; at most ten minutes old. */
  tables(): Promise<TableSize[] | undefined> {
    return this.#read('tables', SIZES_MS, async () => readLargestTables(this.#reader, MOST_TABLES))
  }

  #read<T>(key: string, lifeMs: number, read: () => Promise<T>): Promise<T | undefined> {
    return this.#answers.get(key, lifeMs, read).catch(() => undefined)
  }
}
