import { effect, signal } from '@preact/signals'
import { type Answer, type ApiError, ask } from '../api/client.ts'
import type { DatabaseEvent, PoolEvent } from '../api/operations.ts'
import type { TimeRange } from '../place/time-range.ts'
import type { LiveStream } from './stream.ts'
import { append, fromAnswer, type TimeWindow } from './window.ts'

type History = Answer<'GET /v1/database/monitoring/history'>
export type PoolSeries = keyof History['pool']['series']
export type DatabaseSeries = keyof History['database']['series']

/** The two windows that a page's charts draw; undefined until the first answer. */
export interface PageHistory {
  readonly pool: TimeWindow<PoolSeries> | undefined
  readonly database: TimeWindow<DatabaseSeries> | undefined
  /** Why it cannot be told, and since when; undefined while it can. */
  readonly failure: HistoryFailure | undefined
}

export interface HistoryFailure {
  readonly error: ApiError
  readonly since: number
}

/** A quarter of an hour moves with every event; longer ranges are asked for again. */
const LIVE_UP_TO_MS = 15 * 60_000
const RELOAD_MS = 10_000

/** What was, from the API, moved on by what is, from the stream. */
export class HistoryKeeper {
  readonly state = signal<PageHistory>({ pool: undefined, database: undefined, failure: undefined })
  readonly #stream: LiveStream

  constructor(stream: LiveStream) {
    this.#stream = stream
  }

  /** Keeps the windows of this range until the returned function is called. */
  follow(range: TimeRange): () => void {
    const ended = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const load = async (): Promise<void> => {
      clearTimeout(timer)
      const failed = await this.#load(range, ended.signal)
      const again = failed || (range.kind === 'last' && range.ms > LIVE_UP_TO_MS)
      // Nobody looks: when somebody does, the stream returns, and so does this.
      if (again && !ended.signal.aborted && this.#stream.state.peek() !== 'paused')
        timer = setTimeout(() => void load(), RELOAD_MS)
    }
    void load()
    const stopReturns = afterFirst(this.#stream.returns, () => void load())
    const isLive = range.kind === 'last' && range.ms <= LIVE_UP_TO_MS
    const stops = isLive ? [this.#followPool(range.ms), this.#followDatabase(range.ms)] : []
    return () => {
      ended.abort()
      clearTimeout(timer)
      for (const stop of [stopReturns, ...stops]) stop()
    }
  }

  /** Returns whether it failed. */
  async #load(range: TimeRange, ended: AbortSignal): Promise<boolean> {
    const now = this.#stream.now.peek()
    const [from, to] = range.kind === 'last' ? [now - range.ms, now] : [range.fromMs, range.toMs]
    try {
      const answer = await ask('GET /v1/database/monitoring/history', {
        query: { from: new Date(from).toISOString(), to: new Date(to).toISOString() },
        signal: ended,
      })
      this.state.value = {
        pool: fromAnswer(answer.pool),
        database: fromAnswer(answer.database),
        failure: undefined,
      }
      return false
    } catch (error) {
      const before = this.state.peek()
      const failure = { error: error as ApiError, since: before.failure?.since ?? Date.now() }
      if (!ended.aborted) this.state.value = { ...before, failure }
      return true
    }
  }

  #followPool(rangeMs: number): () => void {
    return afterFirst(this.#stream.pool, (event: PoolEvent | undefined) => {
      const { pool } = this.state.peek()
      if (!pool || !event) return
      const at = secondsOf(event)
      this.state.value = { ...this.state.peek(), pool: append(pool, at, event, at - rangeMs / 1_000) }
    })
  }

  #followDatabase(rangeMs: number): () => void {
    return afterFirst(this.#stream.database, (event: DatabaseEvent | undefined) => {
      const { database } = this.state.peek()
      if (!database || !event) return
      const at = secondsOf(event)
      this.state.value = { ...this.state.peek(), database: append(database, at, event, at - rangeMs / 1_000) }
    })
  }
}

function secondsOf({ at }: { readonly at?: string }): number {
  return (at === undefined ? Date.now() : Date.parse(at)) / 1_000
}

/** Calls `listener` with each value after the present one. */
function afterFirst<T>(source: { readonly value: T }, listener: (value: T) => void): () => void {
  let isFirst = true
  return effect(() => {
    const { value } = source
    if (!isFirst) listener(value)
    isFirst = false
  })
}
