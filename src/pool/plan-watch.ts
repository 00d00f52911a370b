/** From this run of a prepared statement on PostgreSQL may use a generic plan; before, each run has a custom plan. */
const GENERIC_FROM_RUN = 6
/** What is quick anyway is not worth a thought. */
const SLOW_MS = 5
/** So many times as long as with custom plans is too long. */
const JUMP = 8
/** So many too long ones, and more than half of all the time: one alone may have met a busy machine. */
const FEWEST_SLOW = 2
/** Runs that are looked back on. */
const MEMORY = 1_000
/** Weight of the newest time. */
const WEIGHT = 0.2
/** Runs with custom plans until the generic one is tried again; twice as many after each time that it was no good. */
const FIRST_REST = 100
const LONGEST_REST = 100_000

/**
 * Watches one statement for the moment when the server goes over to a generic plan, and it is a bad one: it serves a common value well, and
 * may take a hundred times as long for a rare one. Then the statement is sent without a name, which has a custom plan each time; now and
 * then the generic one is tried again.
 */
export class PlanWatch {
  /** What it takes with a custom plan; undefined before it was seen. */
  #customMs: number | undefined
  /** Of runs that may have had the generic plan. */
  #runs = 0
  #totalMs = 0
  #slowRuns = 0
  #slowMs = 0
  /** Runs for which it is still sent without a name. */
  #restLeft = 0
  #rest = FIRST_REST

  /** Whether it is better off with custom plans. */
  get wantsCustomPlan(): boolean {
    return this.#restLeft > 0
  }

  /** @param run which run of its prepared statement it was; 0 without one. @param ms what the server took */
  note(run: number, ms: number): void {
    if (run < GENERIC_FROM_RUN) {
      if (this.#restLeft > 0) this.#restLeft -= 1
      this.#customMs = this.#customMs === undefined ? ms : this.#customMs + WEIGHT * (ms - this.#customMs)
      return
    }
    this.#runs += 1
    this.#totalMs += ms
    if (ms >= SLOW_MS && this.#customMs !== undefined && ms > JUMP * this.#customMs) {
      this.#slowRuns += 1
      this.#slowMs += ms
      if (this.#slowRuns >= FEWEST_SLOW && this.#slowMs > this.#totalMs / 2) this.#giveUp()
    } else if (this.#runs >= MEMORY) this.#fade()
  }

  #giveUp(): void {
    this.#restLeft = this.#rest
    this.#rest = Math.min(2 * this.#rest, LONGEST_REST)
    this.#runs = this.#totalMs = this.#slowRuns = this.#slowMs = 0
  }

  #fade(): void {
    this.#runs /= 2
    this.#totalMs /= 2
    this.#slowRuns /= 2
    this.#slowMs /= 2
  }
}
