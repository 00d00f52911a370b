import type { FastifyBaseLogger } from 'fastify'
import {
  type Clock,
  type Operation,
  type Recorder,
  SQLSTATE,
  sqlstateOf,
  wait,
  within,
} from '../core/index.ts'
import { actorOf, type Identity } from './console-sessions.ts'

/** More than anybody may change within the minutes for which is tried. */
const MOST_WAITING = 10_000
/** What cannot be written now is tried again for some minutes. */
const MOST_TRIES = 60
const PAUSE_MS = 5_000
const LONGEST_GOODBYE_MS = 5_000
/** A lock, a limit, a server that is away or full; what has no state did not get as far as the server. */
const PASSES = /^(55P03|08|53|57)/

/** One row of `operations`, but for who did it. */
export type Entry = Omit<Operation, 'actor'> & { readonly details: object }

/** What one session did and is not yet written down. */
interface Waiting {
  readonly by: Identity | null
  readonly entries: Entry[]
  leftOut: number
}

/**
 * Rows of `operations` on their way to the database, behind the answers: one after the other, each session in its turn, so that nobody
 * crowds out another's. What somebody locks is tried again.
 */
export class RecordQueue {
  readonly #recorder: Recorder
  readonly #clock: Clock
  /** By the session that they are of; those of the process itself under ''. */
  readonly #waiting = new Map<string, Waiting>()
  #writing: Promise<void> = Promise.resolve()
  #isWriting = false
  readonly #closing = new AbortController()

  constructor(recorder: Recorder, clock: Clock) {
    this.#recorder = recorder
    this.#clock = clock
  }

  /** @param most so many may wait of that session; of those beyond only the number is written. @param log is told what cannot be written */
  add(by: Identity | null, entry: Entry, log: FastifyBaseLogger | undefined, most = MOST_WAITING): void {
    const of = by?.id ?? ''
    const waiting = this.#waiting.get(of) ?? { by, entries: [], leftOut: 0 }
    this.#waiting.set(of, waiting)
    if (waiting.entries.length < most) waiting.entries.push(entry)
    else waiting.leftOut += 1
    if (this.#isWriting) return
    this.#isWriting = true
    this.#writing = this.#writeAll(log)
  }

  /** Waits a little for what is being written. */
  async close(): Promise<void> {
    this.#closing.abort()
    const late = (): Error => new Error('still writing')
    await within(this.#clock, LONGEST_GOODBYE_MS, this.#writing, late).catch(() => {}) // the log has them
  }

  /** One of each session in turn. */
  async #writeAll(log: FastifyBaseLogger | undefined): Promise<void> {
    for (const [of, waiting] of this.#waiting) {
      this.#waiting.delete(of)
      const { by, entries, leftOut } = waiting
      const next = entries.shift()
      // A map goes on with what is added while it is gone through.
      if (next || leftOut > 0) this.#waiting.set(of, next ? waiting : { by, entries, leftOut: 0 })
      if (next) await this.#write(by, next, log)
      else if (leftOut > 0)
        await this.#write(
          by,
          { action: 'api.left_out', subject: 'records', details: { count: leftOut } },
          log,
        )
    }
    this.#isWriting = false
  }

  async #write(by: Identity | null, entry: Entry, log: FastifyBaseLogger | undefined): Promise<void> {
    const { action, details } = entry
    for (let attempt = 1; ; attempt += 1)
      try {
        return await this.#recorder.record({
          ...entry,
          ...(by && { actor: actorOf(by), details: { session: by.id, ...details } }),
        })
      } catch (error) {
        const state = sqlstateOf(error)
        const { signal } = this.#closing
        if ((state === undefined || PASSES.test(state)) && attempt < MOST_TRIES && !signal.aborted) {
          // At a lock it has waited already.
          if (state !== SQLSTATE.lockNotAvailable) await wait(this.#clock, PAUSE_MS, signal).catch(() => {}) // closing: once more, at once
          continue
        }
        // Without our own tables there is the log.
        if (state !== SQLSTATE.undefinedTable)
          log?.error({ err: error, event: action }, 'it could not be recorded in the database')
        return
      }
  }
}
