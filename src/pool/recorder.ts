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

/** Keeps what statements did, by text and by label, and tells `echo` of each. */
export class Recorder {
  readonly timings: PoolTimings = emptyTimings()
  readonly statements: Statements
  readonly #labels = new Tallies(LABELS)
  readonly #echo: ((query: EchoedQuery) => void) | undefined

  constructor(statementLimit: number, echo: ((query: EchoedQuery) => void) | undefined) {
    this.statements = new Statements(statementLimit)
    this.#echo = echo
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
