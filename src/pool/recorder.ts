import { AsyncLocalStorage } from 'node:async_hooks'
import { type Statement, type StatementFigures, Statements } from './statements.ts'
import { type EchoedQuery, emptyTimings, type PoolTimings } from './stats.ts'
import { type Execution, Tallies, type TallyFigures } from './tally.ts'

const asIs = <T>(run: () => T): T => run()

/** Labels that are remembered; further ones count as `(other)`. */
const LABELS = 200

/** What one label's statements did. */
export interface LabelFigures extends TallyFigures {
  readonly label: string
}

/** One execution that took long. Its text, never its values. */
export interface SlowQuery {
  readonly text: string
  readonly durationMs: number
  readonly label: string | undefined
  /** Where the application calls the statement, looked at now and then; null when it was never seen. */
  readonly callSite: string | null
}

/** Keeps what statements did, by text and by label, and tells `echo` of each. */
export class Recorder {
  readonly timings: PoolTimings = emptyTimings()
  readonly statements: Statements
  readonly #labels = new Tallies(LABELS)
  readonly #echo: ((query: EchoedQuery) => void) | undefined
  readonly #slowMs: number
  readonly #tellSlow: (slow: SlowQuery) => void

  /** @param slowMs from which on one execution is told of by itself; 0 never */
  constructor(
    statementLimit: number,
    echo: ((query: EchoedQuery) => void) | undefined,
    slowMs: number,
    tellSlow: (slow: SlowQuery) => void,
  ) {
    this.statements = new Statements(statementLimit)
    this.#echo = echo
    this.#slowMs = slowMs || Number.POSITIVE_INFINITY
    this.#tellSlow = tellSlow
  }

  /** Where `echo` is to be told in the context of whoever asks now; undefined where nobody wants it. */
  context(): (<T>(run: () => T) => T) | undefined {
    return this.#echo && AsyncLocalStorage.snapshot()
  }

  /** A statement was answered. @param within the context of whoever asked */
  record(statement: Statement, execution: Execution, within = asIs): void {
    statement.record(execution)
    this.timings.statements.record(execution.durationMs)
    if (execution.label !== undefined) this.#labels.of(execution.label).add(execution)
    const { durationMs, label } = execution
    if (durationMs >= this.#slowMs)
      this.#tellSlow({ text: statement.text, durationMs, label, callSite: statement.figures().callSite })
    if (this.#echo) within(() => this.#tell(statement.text, execution))
  }

  statementFigures(): StatementFigures[] {
    return [...this.statements.all()]
      .map((statement) => statement.figures())
      .filter(({ calls }) => calls > 0)
      .toSorted((a, b) => b.totalMs - a.totalMs)
  }

  labelFigures(): LabelFigures[] {
    return this.#labels.figures().map(({ name, ...figures }) => ({ label: name, ...figures }))
  }

  #tell(text: string, { durationMs, hasFailed, label }: Execution): void {
    try {
      this.#echo?.({ text, durationMs, failed: hasFailed, label })
    } catch (error) {
      process.emitWarning(error as Error) // a log that fails must not fail the query
    }
  }
}
