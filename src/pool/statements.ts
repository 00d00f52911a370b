import { callSiteOf } from './call-site.ts'
import { PlanWatch } from './plan-watch.ts'
import { type Execution, Tally, type TallyFigures } from './tally.ts'
import { scanStatement, type StatementScan } from './lanes/statement-scan.ts'

/** The newest of the service times weighs this much. */
const WEIGHT = 0.2
/** Longer texts are not remembered: of those that hold their values there may be no end. */
const LONGEST_KEPT = 100_000
/** All texts that are remembered, in characters. */
const MOST_CHARACTERS = 8_000_000
/** Labels that are remembered with each statement. */
const LABELS_OF_ONE = 20
/** A call site is looked for this seldom: it costs some microseconds. */
const CALL_SITE_EVERY_MS = 10_000

/** One statement text in numbers, since it was first seen. */
export interface StatementFigures extends TallyFigures {
  readonly text: string
  /** How long the server takes for it, without the way there and back: a mean that follows the newest; null before. */
  readonly serviceMs: number | null
  /** It is a kind of statement that may share a connection with others. */
  readonly mayShare: boolean
  /** Where the application calls it, looked at now and then; null when it was never seen. */
  readonly callSite: string | null
  /** Under which labels it was called, most calls first. */
  readonly labels: readonly { readonly label: string; readonly calls: number }[]
}

/** One statement text, as a pool knows it: how it may be sent, and what it did so far. */
export class Statement {
  readonly text: string
  readonly scan: StatementScan
  readonly tally = new Tally()
  serviceMs: number | undefined
  readonly plans = new PlanWatch()
  /** Counts up with every use of any statement; tells which was not used for longest. */
  lastUse = 0
  readonly #labels = new Map<string, number>()
  #trace: Error | undefined
  #tracedAt = Number.NEGATIVE_INFINITY

  constructor(text: string) {
    this.text = text
    this.scan = scanStatement(text)
  }

  /** Learns from one execution. */
  learn(serviceMs: number): void {
    this.serviceMs =
      this.serviceMs === undefined ? serviceMs : this.serviceMs + WEIGHT * (serviceMs - this.serviceMs)
  }

  record(execution: Execution): void {
    this.tally.add(execution)
    const { label } = execution
    if (label === undefined) return
    const calls = this.#labels.get(label) ?? 0
    if (calls > 0 || this.#labels.size < LABELS_OF_ONE) this.#labels.set(label, calls + 1)
  }

  /** Looks at who calls it, when it is time for that. @param trace takes the caller's stack. */
  noteCallSite(now: number, trace: () => Error): void {
    if (now - this.#tracedAt < CALL_SITE_EVERY_MS) return
    this.#tracedAt = now
    this.#trace = trace()
  }

  figures(): StatementFigures {
    const labels = [...this.#labels].map(([label, calls]) => ({ label, calls }))
    return {
      text: this.text,
      serviceMs: this.serviceMs ?? null,
      mayShare: this.scan.mayShare,
      callSite: (this.#trace && callSiteOf(this.#trace)) ?? null,
      labels: labels.toSorted((a, b) => b.calls - a.calls),
      ...this.tally.figures(),
    }
  }
}

/** The statements of one pool by their text; bounded by their number and their length. What was not used for longest leaves, a tenth at a time. */
export class Statements {
  readonly #byText = new Map<string, Statement>()
  readonly #capacity: number
  readonly #byName = new Map<string, string>()
  #uses = 0
  #characters = 0

  /** @param capacity how many texts are remembered. */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  of(text: string): Statement {
    let statement = this.#byText.get(text)
    if (!statement) {
      statement = new Statement(text)
      if (text.length > LONGEST_KEPT) return statement
      while (this.#byText.size >= this.#capacity || this.#characters + text.length > MOST_CHARACTERS)
        this.#forgetTheOldest()
      this.#byText.set(text, statement)
      this.#characters += text.length
    }
    statement.lastUse = ++this.#uses
    return statement
  }

  /** Whoever names a statement may call it by its name alone later. */
  name(name: string, text: string): void {
    if (this.#byName.get(name) === text || text.length > LONGEST_KEPT) return
    if (this.#byName.size >= this.#capacity) this.#byName.clear()
    this.#byName.set(name, text)
  }

  textNamed(name: string): string | undefined {
    return this.#byName.get(name)
  }

  all(): Iterable<Statement> {
    return this.#byText.values()
  }

  #forgetTheOldest(): void {
    const byAge = [...this.#byText.values()].toSorted((a, b) => a.lastUse - b.lastUse)
    for (const { text } of byAge.slice(0, Math.ceil(byAge.length / 10))) {
      this.#byText.delete(text)
      this.#characters -= text.length
    }
  }
}
