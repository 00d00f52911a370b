import type { RowShape } from './row-shape.ts'
import { schemaEpoch } from './schema-epoch.ts'

/** A statement that the server keeps under a name, on one connection. */
export interface Prepared {
  readonly name: string
  readonly text: string
  /** Its Parse is on its way and may fail: nobody else may use the name before it succeeded. */
  isParsed: boolean
  /** The types of its parameters, once the server has told: they stay what they were, whatever becomes of the columns. */
  types: readonly number[] | undefined
  /** What it returns, once the server has told. */
  shape: RowShape | undefined
  /** Monotonic milliseconds when it was prepared, and the epoch of the schema then. */
  readonly madeAt: number
  readonly epoch: number
  /** How often it was run: from the sixth time on the server may plan without looking at the values. */
  runs: number
  lastUse: number
}

/**
 * The prepared statements of one connection, the least recently used leaving when there are too many. Names are
 * ours and never given twice on a connection, so a name that lingers on the server does no harm.
 */
export class PreparedStatements {
  readonly #byText = new Map<string, Prepared>()
  readonly #capacity: number
  readonly #mostAgeMs: number
  #uses = 0
  #made = 0

  /** @param mostAgeMs after which one is prepared afresh: nobody tells that a column has changed. */
  constructor(capacity: number, mostAgeMs: number) {
    this.#capacity = capacity
    this.#mostAgeMs = mostAgeMs
  }

  find(text: string): Prepared | undefined {
    const prepared = this.#byText.get(text)
    if (prepared) prepared.lastUse = ++this.#uses
    return prepared
  }

  /** What it says of tables and types may not be so any more. */
  isOld({ isParsed, madeAt, epoch }: Prepared, now: number): boolean {
    return isParsed && (now - madeAt >= this.#mostAgeMs || epoch !== schemaEpoch())
  }

  /** A name for a text that has none. `evicted` is to be closed on the server, in the same breath. */
  add(text: string, now: number): { prepared: Prepared; evicted: Prepared | undefined } {
    const evicted = this.#byText.size >= this.#capacity ? this.#leastUsed() : undefined
    if (evicted) this.#byText.delete(evicted.text)
    this.#made += 1
    const prepared = {
      name: `holdfast_${this.#made}`,
      text,
      isParsed: false,
      types: undefined,
      shape: undefined,
      madeAt: now,
      epoch: schemaEpoch(),
      runs: 0,
      lastUse: ++this.#uses,
    }
    this.#byText.set(text, prepared)
    return { prepared, evicted }
  }

  clear(): void {
    this.#byText.clear()
  }

  /** Forgets it: the server does not know it, or knows it wrongly. */
  forget(prepared: Prepared): void {
    if (this.#byText.get(prepared.text) === prepared) this.#byText.delete(prepared.text)
  }

  /** One that is still being parsed stays: whoever sent it waits for its answer. */
  #leastUsed(): Prepared | undefined {
    let least: Prepared | undefined
    for (const prepared of this.#byText.values())
      if (prepared.isParsed && (!least || prepared.lastUse < least.lastUse)) least = prepared
    return least
  }
}
