import { type Clock, within } from '../../core/index.ts'
import { readingBusy } from '../errors.ts'
import { type Frame, mergeFrames } from '../history/frame.ts'
import { type HistoryStore, LEVELS } from '../history/store.ts'

const DAY_MS = 86_400_000
/** Several statements, and the network. */
const LIMIT_MS = 15_000
/** Minutes that are kept in memory while they cannot be written; one is a frame of each kind. */
const MOST_UNWRITTEN = 4 * 60
/** Fingerprints whose text is known to be kept. */
const MOST_TEXTS = 10_000

/** What was seen and is not written yet: the looks of the minute that goes on, and minutes that nobody took. */
export class Outbox {
  readonly #clock: Clock
  #open: Frame[] = []
  #unwritten: Frame[] = []
  /** When the text of each was kept last. */
  readonly #texts = new Map<string, number>()
  /** The last minute of the database that was written from here, in milliseconds since 1970. */
  newestOwnMs: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(frame: Frame): void {
    this.#open.push(frame)
  }

  /** Whether looks wait that belong to an earlier minute. */
  holdsBefore(atMs: number): boolean {
    return this.#open.some((frame) => frame.atMs < atMs)
  }

  /** Makes one step of the looks of each minute; without a store they are kept until there is one. */
  close(): void {
    const groups = Map.groupBy(this.#open, ({ kind, instance, atMs }) => `${atMs} ${kind} ${instance}`)
    this.#open = []
    for (const frames of groups.values()) this.#unwritten.push(mergeFrames(frames, (frames[0] as Frame).atMs))
    this.#unwritten = this.#unwritten.slice(-MOST_UNWRITTEN)
  }

  /**
   * Writes what there is, the oldest first, and each text once a day. What cannot be written stays for the next time.
   * @throws HF_MONITOR_BUSY, what writing throws
   */
  async send(store: HistoryStore, texts: ReadonlyMap<string, string>): Promise<void> {
    for (let frame = this.#unwritten[0]; frame; frame = this.#unwritten[0]) {
      await inTime(this.#clock, store.write(LEVELS[0], [frame]))
      this.#unwritten.shift()
      if (frame.kind === 'database') this.newestOwnMs = frame.atMs
    }
    const now = this.#clock.now()
    const due = [...texts].filter(([fingerprint]) => now - (this.#texts.get(fingerprint) ?? 0) > DAY_MS)
    await inTime(this.#clock, store.keepTexts(new Map(due), now))
    if (this.#texts.size > MOST_TEXTS) this.#texts.clear()
    for (const [fingerprint] of due) this.#texts.set(fingerprint, now)
  }
}

/** The server ends what takes too long; where the network is silent nobody does. @throws HF_MONITOR_BUSY */
export const inTime = <T>(clock: Clock, work: Promise<T>): Promise<T> =>
  within(clock, LIMIT_MS, work, () => readingBusy(`the history did not answer within ${LIMIT_MS / 1_000} s`))
