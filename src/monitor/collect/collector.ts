import { type Clock, messageOf, OWN_PATH, systemClock, type Unsubscribe } from '../../core/index.ts'
import type { PartitionTarget } from '../../partitions/index.ts'
import { AdvisoryLease, connectFailure, Pool } from '../../pool/index.ts'
import type { Frame } from '../history/frame.ts'
import { HistoryStore, isHistoryThere, readHistorySize, readSource } from '../history/store.ts'
import { Reader } from '../reader.ts'
import { StatementFeed } from '../statements/feed.ts'
import { Beat } from './beat.ts'
import { keepHistory } from './keeping.ts'
import { Leadership } from './leadership.ts'
import { inTime, Outbox } from './outbox.ts'
import { type Look, Sampler } from './sampler.ts'
import { SelfWatch } from './self.ts'
import { whyNot } from './why-not.ts'

/** What is collected, and where to. */
export interface CollectorInput {
  /** The pool whose database is looked at. Looking takes nothing from it. */
  readonly pool: Pool
  /** The database that keeps the history, by a direct way to its server. It has Holdfast's schema. */
  readonly history: PartitionTarget
  /** How often statements and counters are looked at: 10 s to 10 min, in whole tens of seconds. Default 60 s. */
  readonly intervalMs?: number | undefined
  /** Told once when collecting does not work, and when it does so for another reason. */
  readonly onProblem?: ((problem: string) => void) | undefined
  readonly clock?: Clock | undefined
}

/** What one beat of ten seconds saw: what was looked at, nothing else. */
export interface Seen {
  /** This process, as `host:pid`. */
  readonly instance: string
  /** Its pool, what it is like, and whether it reaches the database. */
  readonly process: Readonly<Record<string, number>>
  /** Undefined: another process looks at the database. */
  readonly database: Readonly<Record<string, number>> | undefined
}

/** A look that was left out, and why. */
export interface Skipped {
  readonly look: string
  readonly reason: string
  readonly times: number
  readonly lastAt: Date
}

/** How collecting goes. */
export interface CollectorStatus {
  /** `collecting`: this process does. `standing by`: another one does, of the database; this one only of itself. */
  readonly state: 'stopped' | 'collecting' | 'standing by'
  /** Why nothing can be kept; null where it can. */
  readonly problem: string | null
  readonly intervalMs: number
  readonly startedAt: Date | null
  /** When something was written last. */
  readonly writtenAt: Date | null
  /** Time that the looks of the last whole minute took, in milliseconds, waiting for the network included. */
  readonly lastMinuteMs: number | null
  readonly skipped: readonly Skipped[]
}

const BEAT_MS = 10_000
const MINUTE_MS = 60_000
const SLOW_MS = 600_000
const HOUR_MS = 3_600_000
/** Another who watches the statements may have read them a moment ago. */
const MOST_STATEMENTS_AGE_MS = 31_000
const PROBE_MS = 3_000
const WRITE_LOCK_MS = 1_000
const WRITE_STATEMENT_MS = 5_000

/**
 * Looks at a database and at this process on three schedules, and keeps what it sees: sessions and locks every 10 s, counters and
 * statements every minute, tables and sizes every ten. Of several processes one looks at the database, each at itself.
 *
 * @example
 * const collector = new Collector({ pool, history: { url, ownSchema: 'holdfast' } })
 * collector.start()
 * await collector.stop()
 */
export class Collector {
  readonly feed: StatementFeed
  readonly #input: CollectorInput
  readonly #clock: Clock
  readonly #reader: Reader
  readonly #sampler: Sampler
  readonly #outbox: Outbox
  readonly #skipped = new Map<string, Skipped>()
  readonly #watchers = new Set<(seen: Seen) => void>()
  #run: Run | undefined
  #problem: string | null = null
  #writtenAt: Date | null = null
  #minuteMs = { open: 0, last: null as number | null }

  constructor(input: CollectorInput) {
    this.#input = input
    this.#clock = input.clock ?? systemClock
    this.#reader = new Reader(input.pool, this.#clock)
    this.feed = new StatementFeed(this.#reader, this.#clock)
    this.#sampler = new Sampler(this.#reader, this.#clock, this.feed)
    this.#outbox = new Outbox(this.#clock)
  }

  /** Begins. Does nothing where it has begun. @param intervalMs instead of what was said at first */
  start(intervalMs = this.#input.intervalMs ?? MINUTE_MS): void {
    if (this.#run) return
    const { url } = this.#input.history
    // Never an older reading than half of what was asked for.
    this.#sampler.statementsAgeMs = Math.min(MOST_STATEMENTS_AGE_MS, intervalMs / 2)
    this.#run = {
      intervalMs,
      startedAt: new Date(this.#clock.now()),
      self: new SelfWatch(this.#input.pool, this.#clock),
      writer: writerTo(url),
      beat: new Beat(
        this.#clock,
        BEAT_MS,
        (beatMs) => this.#collect(beatMs),
        () => this.#skip('all', 'the last look was still at work'),
      ),
      preparing: undefined,
      store: undefined,
      leadership: undefined,
      isLeading: false,
      keptAtMs: undefined,
    }
    void this.#prepare(this.#run)
  }

  /** Writes what is at hand, and ends, also where nobody answers. It can be started again. */
  async stop(): Promise<void> {
    const run = this.#run
    if (!run) return
    this.#run = undefined
    await run.beat.stop()
    await run.preparing
    await this.#flush(run)
    await run.leadership?.end()
    run.self.close()
    // What happens from here on is nobody's minute.
    this.#sampler.interrupt()
    await run.writer.end({ timeoutMs: 1_000 })
  }

  /** Ends for good. */
  async close(): Promise<void> {
    await this.stop()
    await this.#reader.end()
  }

  status(): CollectorStatus {
    const run = this.#run
    return {
      state: run === undefined ? 'stopped' : run.leadership?.isHeld ? 'collecting' : 'standing by',
      problem: this.#problem,
      intervalMs: run?.intervalMs ?? this.#input.intervalMs ?? MINUTE_MS,
      startedAt: run?.startedAt ?? null,
      writtenAt: this.#writtenAt,
      lastMinuteMs: this.#minuteMs.last,
      skipped: [...this.#skipped.values()],
    }
  }

  /** Is told of each beat from now on. @param watcher must not throw @returns what ends it */
  watch(watcher: (seen: Seen) => void): Unsubscribe {
    this.#watchers.add(watcher)
    return () => void this.#watchers.delete(watcher)
  }

  /** Resolves when no look is under way. */
  async idle(): Promise<void> {
    await this.#run?.beat.idle()
  }

  /** How much room the history takes, in bytes; null where nobody can say. */
  async historyBytes(): Promise<number | null> {
    const { writer } = this.#run ?? {}
    return writer ? readHistorySize(writer, this.#input.history.ownSchema).catch(() => null) : null
  }

  /** What is kept; undefined until it could be looked for. */
  get history(): HistoryStore | undefined {
    return this.#run?.store
  }

  async #collect(beatMs: number): Promise<void> {
    const run = this.#run
    if (!run) return
    // A beat ends the step before it.
    const atMs = Math.floor((beatMs - 1) / MINUTE_MS) * MINUTE_MS
    if (this.#outbox.holdsBefore(atMs)) await this.#flush(run)
    await this.#prepare(run)
    const frames = run.leadership?.isHeld ? await this.#lookAtDatabase(run, beatMs, atMs) : undefined
    run.isLeading = frames !== undefined
    const isReachable = frames?.length ? true : (await this.#reader.probe(PROBE_MS)).ok
    const self = run.self.look(atMs, isReachable)
    for (const frame of [...(frames ?? []), self]) this.#outbox.add(frame)
    this.#tellWatchers(self, frames)
    if (beatMs % MINUTE_MS === 0) await this.#flush(run)
    if (run.leadership?.isHeld) await this.#keep(run, beatMs)
  }

  /** Finds out where to write, and asks to be the one who looks. Tried again with each beat. */
  async #prepare(run: Run): Promise<void> {
    if (run.store) return
    run.preparing ??= this.#findStore(run).finally(() => {
      run.preparing = undefined
    })
    await run.preparing
  }

  async #findStore(run: Run): Promise<void> {
    const { history } = this.#input
    try {
      const watched = String(this.#input.pool.options.connectionString ?? '')
      const source = await readSource(this.#reader).catch((error: unknown) => {
        throw connectFailure(error, watched)
      })
      if (!(await inTime(this.#clock, isHistoryThere(run.writer, history.ownSchema))))
        return this.#tell(
          `Nothing can be kept, and no alert of the database told: schema "${history.ownSchema}" is not there. Run: holdfast init`,
        )
      run.store = new HistoryStore(run.writer, history.ownSchema, source)
      run.leadership = new Leadership(
        new AdvisoryLease({ connectionString: history.url }),
        `monitor ${source}`,
        this.#clock,
        (error) => this.#tell(`Who looks at the database cannot be agreed on: ${whyNot(error, history)}`),
      )
    } catch (error) {
      this.#tell(`Nothing can be kept, and no alert of the database told: ${whyNot(error, history)}`)
    }
  }

  async #lookAtDatabase(run: Run, beatMs: number, atMs: number): Promise<Frame[]> {
    const { activity, counters, statements, tables, size, backups } = this.#sampler
    const isFirst = !run.isLeading
    if (isFirst && (await this.#othersLooked(run))) this.#sampler.interrupt()
    const isDue = (everyMs: number): boolean => isFirst || beatMs % everyMs === 0
    const due: [string, Look][] = [
      ['activity', activity],
      ...(isDue(run.intervalMs)
        ? ([
            ['counters', counters],
            ['statements', statements],
          ] as [string, Look][])
        : []),
      ...(isDue(SLOW_MS)
        ? ([
            ['tables', tables],
            ['size', size],
            ['backups', backups],
          ] as [string, Look][])
        : []),
    ]
    const frames: Frame[] = []
    for (const [name, look] of due) {
      const began = this.#clock.monotonicMs()
      try {
        const frame = await look(atMs)
        if (frame) frames.push(frame)
      } catch (error) {
        this.#skip(name, messageOf(error))
        // One that does not answer at all is not asked for everything else, too.
        if (!(await this.#reader.probe(PROBE_MS)).ok) break
      }
      this.#minuteMs.open += this.#clock.monotonicMs() - began
    }
    return frames
  }

  #tellWatchers(self: Frame, frames: readonly Frame[] | undefined): void {
    const database = frames?.filter(({ kind }) => kind === 'database').map(valuesOf)
    const seen: Seen = {
      instance: self.instance,
      process: valuesOf(self),
      database: database && Object.assign({}, ...database),
    }
    for (const watcher of this.#watchers) watcher(seen)
  }

  /** Whether somebody else wrote down what happened since the last look from here: it must not be counted twice. */
  async #othersLooked({ store }: Run): Promise<boolean> {
    const newest = await store?.newest('database').catch(() => undefined)
    return newest === undefined || newest !== this.#outbox.newestOwnMs
  }

  /** Makes one step of the minute that is over, and writes it. */
  async #flush({ store }: Run): Promise<void> {
    this.#minuteMs = { open: 0, last: this.#minuteMs.open }
    this.#outbox.close()
    if (!store) return
    try {
      await this.#outbox.send(store, this.#sampler.texts)
      this.#writtenAt = new Date(this.#clock.now())
      this.#problem = null
    } catch (error) {
      this.#tell(`What was seen cannot be written: ${whyNot(error, this.#input.history)}`)
    }
  }

  /** Longer steps every ten minutes; partitions every hour. */
  async #keep(run: Run, beatMs: number): Promise<void> {
    const { store, keptAtMs } = run
    if (!store) return
    const isFirst = keptAtMs === undefined
    try {
      if (isFirst || beatMs % SLOW_MS === 2 * MINUTE_MS) await inTime(this.#clock, store.rollUp(beatMs))
      if (isFirst || beatMs - keptAtMs >= HOUR_MS) {
        run.keptAtMs = beatMs
        await keepHistory(run.writer, this.#input.history)
        await inTime(this.#clock, store.tidy(beatMs))
      }
    } catch (error) {
      this.#tell(`The history cannot be looked after: ${whyNot(error, this.#input.history)}`)
    }
  }

  #skip(look: string, reason: string): void {
    const times = (this.#skipped.get(look)?.times ?? 0) + 1
    this.#skipped.set(look, { look, reason, times, lastAt: new Date(this.#clock.now()) })
  }

  #tell(problem: string): void {
    if (problem !== this.#problem) this.#input.onProblem?.(problem)
    this.#problem = problem
  }
}

const valuesOf = ({ keys, figures }: Frame): Record<string, number> =>
  Object.fromEntries(keys.map((key, index) => [key, figures['value:max']?.[index] as number]))

/** One connection; behind a lock of somebody else it does not wait for long. */
function writerTo(url: string): Pool {
  return new Pool({
    connectionString: url,
    size: 1,
    overflow: 0,
    allowExitOnIdle: true,
    warm: false,
    acquireTimeoutMs: WRITE_STATEMENT_MS,
    // With nothing in the path but the catalog no function of another role is taken for one of PostgreSQL's.
    options: `-c search_path=${OWN_PATH.replace(' ', '')} -c lock_timeout=${WRITE_LOCK_MS} -c statement_timeout=${WRITE_STATEMENT_MS}`,
  })
}

/** What lasts from one start to the next stop. */
interface Run {
  readonly intervalMs: number
  readonly startedAt: Date
  readonly self: SelfWatch
  readonly writer: Pool
  readonly beat: Beat
  preparing: Promise<void> | undefined
  store: HistoryStore | undefined
  leadership: Leadership | undefined
  /** Whether the last beat looked at the database. */
  isLeading: boolean
  /** When partitions were looked after last. */
  keptAtMs: number | undefined
}
