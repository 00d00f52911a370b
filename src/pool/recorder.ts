import {
  type Execution,
  type Statement,
  type StatementFigures,
  Statements,
  Tally,
  type TallyFigures,
} from './statements.ts'
import { type EchoedQuery, emptyTimings, type PoolTimings } from './stats.ts'

/** Labels that are remembered; further ones count as `other`. */
const LABELS = 200
const OTHER = '(other)'

/** What one label's statements did. */
export interface LabelFigures extends TallyFigures {
  readonly label: string
}

/** Keeps what statements did, by text and by label, and tells `echo` of each. */
export class Recorder {
  readonly timings: PoolTimings = emptyTimings()
  readonly statements: Statements
  readonly #labels = new Map<string, Tally>()
  readonly #echo: ((query: EchoedQuery) => void) | undefined

  constructor(statementLimit: number, echo: ((query: EchoedQuery) => void) | undefined) {
    this.statements = new Statements(statementLimit)
    this.#echo = echo
  }

  /** A statement was answered. */
  record(statement: Statement, execution: Execution): void {
    statement.record(execution)
    this.timings.statements.record(execution.durationMs)
    if (execution.label !== undefined) this.#tallyOf(execution.label).add(execution)
    if (this.#echo) this.#tell(statement.text, execution)
  }

  statementFigures(): StatementFigures[] {
    return [...this.statements.all()]
      .map((statement) => statement.figures())
      .filter(({ calls }) => calls > 0)
      .toSorted((a, b) => b.totalMs - a.totalMs)
  }

  labelFigures(): LabelFigures[] {
    return [...this.#labels]
      .map(([label, tally]) => ({ label, ...tally.figures() }))
      .toSorted((a, b) => b.totalMs - a.totalMs)
  }

  #tallyOf(label: string): Tally {
    const known = this.#labels.get(label)
    if (known) return known
    if (this.#labels.size >= LABELS && label !== OTHER) return this.#tallyOf(OTHER)
    const tally = new Tally()
    this.#labels.set(label, tally)
    return tally
  }

  #tell(text: string, { durationMs, hasFailed, label }: Execution): void {
    try {
      this.#echo?.({ text, durationMs, failed: hasFailed, label })
    } catch (error) {
      process.emitWarning(error as Error) // a log that fails must not fail the query
    }
  }
}
