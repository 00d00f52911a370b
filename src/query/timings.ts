import { Tallies, type TallyFigures, withLabel } from '../pool/index.ts'

/** Names that are remembered; further ones count as `(other)`. */
const MOST_NAMES = 1_000

/** One run of something that has a name. */
export interface Timing {
  readonly name: string
  readonly durationMs: number
  readonly hasFailed: boolean
}

/** What {@link Timings} works with. */
export interface TimingsOptions {
  /** Gets one line for each run, `fetch_recent_logs took 15.2 ms`, and the same as data. */
  readonly log?: ((line: string, timing: Timing) => void) | undefined
  /** Quicker runs are counted and not logged; default 0, which logs all. Failures are logged always. */
  readonly logAboveMs?: number | undefined
}

/** What the runs under one name did. Durations in milliseconds, everything in the function included. */
export interface TimingFigures extends Omit<TallyFigures, 'rows'> {
  readonly name: string
}

/** What turns a method into a timed one: the standard decorator, and the one of `experimentalDecorators`. */
interface TimedMethod {
  <This, Args extends unknown[], Result>(
    method: (this: This, ...args: Args) => Result,
    context: ClassMethodDecoratorContext<This, (this: This, ...args: Args) => Result>,
  ): (this: This, ...args: Args) => Result
  (target: object, name: string | symbol, descriptor: TypedPropertyDescriptor<any>): void
}

/**
 * Times functions by name: one log line for each run, figures for all of them, and the name as the label of every
 * statement inside, so that `pool.labels()` and the statistics tell what they cost. `time` and `timed` can be taken out
 * and passed on.
 *
 * @example
 * export const { time, timed } = new Timings({ log: (line) => console.log(line) })
 * const logs = await time('fetch_recent_logs', () => db.selectFrom('logs').selectAll().limit(50).execute())
 * const fetchUser = timed('fetch_user', (id: string) => users.get(id))
 * class Reports { @timed('monthly_report') async monthly() {} }
 */
export class Timings {
  readonly #tallies = new Tallies(MOST_NAMES)
  readonly #log: TimingsOptions['log']
  readonly #logAboveMs: number

  constructor({ log, logAboveMs = 0 }: TimingsOptions = {}) {
    this.#log = log
    this.#logAboveMs = logAboveMs
  }

  /** Runs `work` and times it, until its promise is settled if it returns one. */
  readonly time = <T>(name: string, work: () => T): T => {
    const began = performance.now()
    const record = (hasFailed: boolean): void => {
      this.#record({ name, durationMs: performance.now() - began, hasFailed })
    }
    let result: T
    try {
      result = withLabel(name, work)
    } catch (error) {
      record(true)
      throw error
    }
    if (typeof (result as { then?: unknown } | null | undefined)?.then !== 'function') {
      record(false)
      return result
    }
    // Some are lazy, and begin when they are first asked: once, and under the label.
    const promise = result instanceof Promise ? result : withLabel(name, () => Promise.resolve(result))
    promise.then(
      () => record(false),
      () => record(true),
    )
    return promise as T
  }

  /** A function that times each of its runs; without a function, a decorator for methods. */
  readonly timed: Timed = (<This, Args extends unknown[], Result>(
    name: string,
    wanted?: (this: This, ...args: Args) => Result,
  ) => {
    const { time } = this
    const wrap = (method: (this: This, ...args: Args) => Result) =>
      function (this: This, ...args: Args): Result {
        return time(name, () => method.apply(this, args))
      }
    if (wanted) return wrap(wanted)
    return (method: unknown, _context: unknown, descriptor?: PropertyDescriptor) => {
      if (!descriptor) return wrap(method as Parameters<typeof wrap>[0])
      descriptor.value = wrap(descriptor.value as Parameters<typeof wrap>[0])
      return undefined
    }
  }) as Timed

  /** What each name did so far, the most expensive first. */
  figures(): TimingFigures[] {
    return this.#tallies.figures().map(({ rows: _rows, ...figures }) => figures)
  }

  #record(timing: Timing): void {
    const { name, durationMs, hasFailed } = timing
    this.#tallies.of(name).add({ durationMs, hasFailed, rowCount: 0, label: undefined })
    if (!this.#log || (durationMs < this.#logAboveMs && !hasFailed)) return
    try {
      this.#log(`${name} ${hasFailed ? 'failed after' : 'took'} ${durationMs.toFixed(1)} ms`, timing)
    } catch (error) {
      process.emitWarning(error as Error) // a log that fails must not fail the work
    }
  }
}

/** The two forms of {@link Timings.timed}. */
export interface Timed {
  <This, Args extends unknown[], Result>(
    name: string,
    work: (this: This, ...args: Args) => Result,
  ): (this: This, ...args: Args) => Result
  (name: string): TimedMethod
}
