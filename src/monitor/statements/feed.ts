import { type Clock, type Queryable } from '../../core/index.ts'
import { readStatements, type StatementReading } from './reading.ts'
import { findStatementSource, type StatementSource } from './source.ts'
import { StatementTexts } from './texts.ts'

type Collecting = Extract<StatementSource, { state: 'collecting' }>

/** A reading of all statements, and when it was taken. */
export interface FedReading {
  readonly atMs: number
  readonly reading: StatementReading
  readonly source: Collecting
}

/** Readings of a database's statements for all in this process who watch them: what one has read a moment ago is another's, too. */
export class StatementFeed {
  readonly texts = new StatementTexts()
  readonly #db: Queryable
  readonly #clock: Clock
  #last: { readonly at: number; readonly fed: FedReading } | undefined
  #running: Promise<FedReading | undefined> | undefined
  #source: Collecting | undefined

  constructor(db: Queryable, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  /** A reading that is at most `maxAgeMs` old; undefined where there are no statistics. @throws what reading throws */
  async read(maxAgeMs: number): Promise<FedReading | undefined> {
    if (this.#last && this.#clock.monotonicMs() - this.#last.at <= maxAgeMs) return this.#last.fed
    this.#running ??= this.#readNow().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #readNow(): Promise<FedReading | undefined> {
    // Finding out where they are reads all of them, too: it is done again only after a reading that failed.
    const source = this.#source ?? (await findStatementSource(this.#db))
    this.#source = undefined
    if (source.state !== 'collecting') return undefined
    const atMs = this.#clock.now()
    const fed = { atMs, reading: await readStatements(this.#db, source), source }
    this.#source = source
    this.#last = { at: this.#clock.monotonicMs(), fed }
    return fed
  }

  /** The texts of these statements. */
  readTexts({ source }: FedReading, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.texts.read(this.#db, source.schema, ids)
  }
}
