import { Histogram } from '../core/index.ts'
import { scanStatement, type StatementScan } from './lanes/statement-scan.ts'

/** The newest of the service times weighs this much. */
const WEIGHT = 0.2

/** One statement text, as a pool knows it: how it may be sent, and what it did so far. */
export class Statement {
  readonly text: string
  readonly scan: StatementScan
  /** How long the server takes for it, in milliseconds: an exponentially weighted mean; undefined before the first time. */
  serviceMs: number | undefined
  calls = 0
  errors = 0
  rows = 0
  readonly durations = new Histogram()
  /** Counts up with every use of any statement; tells which was not used for longest. */
  lastUse = 0

  constructor(text: string) {
    this.text = text
    this.scan = scanStatement(text)
  }

  /** Learns from one execution. */
  learn(serviceMs: number): void {
    this.serviceMs =
      this.serviceMs === undefined ? serviceMs : this.serviceMs + WEIGHT * (serviceMs - this.serviceMs)
  }

  record(durationMs: number, rowCount: number, hasFailed: boolean): void {
    this.calls += 1
    this.rows += rowCount
    if (hasFailed) this.errors += 1
    this.durations.record(durationMs)
  }
}

/** The statements of one pool by their text; bounded. What was not used for longest leaves, a tenth at a time. */
export class Statements {
  readonly #byText = new Map<string, Statement>()
  readonly #capacity: number
  #uses = 0

  /** @param capacity how many texts are remembered. */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  of(text: string): Statement {
    let statement = this.#byText.get(text)
    if (!statement) {
      if (this.#byText.size >= this.#capacity) this.#forgetTheOldest()
      statement = new Statement(text)
      this.#byText.set(text, statement)
    }
    statement.lastUse = ++this.#uses
    return statement
  }

  all(): Iterable<Statement> {
    return this.#byText.values()
  }

  clear(): void {
    this.#byText.clear()
  }

  #forgetTheOldest(): void {
    const byAge = [...this.#byText.values()].toSorted((a, b) => a.lastUse - b.lastUse)
    for (const { text } of byAge.slice(0, Math.ceil(this.#capacity / 10))) this.#byText.delete(text)
  }
}
