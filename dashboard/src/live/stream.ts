import { computed, type ReadonlySignal, signal } from '@preact/signals'
import { listen, type StreamEvent } from '../api/client.ts'
import { skewMs } from '../api/server-clock.ts'
import type { DatabaseEvent, HealthEvent, PoolEvent } from '../api/operations.ts'

/**
 * Where the live stream stands. connecting -> live with the first event; live -> stale when nothing came for
 * five seconds; stale -> live with the next event. A page that nobody looks at is paused until somebody does: browsers open six
 * connections to a server and no more, and a dozen tabs must not use them up.
 */
export type StreamState = 'connecting' | 'live' | 'stale' | 'paused'

/** The pool's sample comes every second: five missed ones are no accident. */
const STALE_AFTER_MS = 5_000
/** Silence this long means a connection that is open in name only: it is made anew. */
const RECONNECT_AFTER_MS = 10_000
/** After a stream that ended, or did not begin. */
const RETRY_AFTER_MS = 2_000
const PAUSE_AFTER_MS = 60_000

/** The events of the API's stream, and how old the picture is. */
export class LiveStream {
  readonly state = signal<StreamState>('connecting')
  /** The browser's clock, every second. */
  readonly #tickAt = signal(Date.now())
  /** The server's time, every second: for whatever shows an age or the end of a chart. */
  readonly now: ReadonlySignal<number> = computed(() => this.#tickAt.value + skewMs.value)
  readonly pool = signal<PoolEvent | undefined>(undefined)
  readonly database = signal<DatabaseEvent | undefined>(undefined)
  readonly health = signal<HealthEvent | undefined>(undefined)
  /** Counts the times that the stream came back: what was missed has to be asked for. */
  readonly returns = signal(0)
  readonly #lastEventAt = signal(Date.now())
  #ending: AbortController | undefined
  #lastId: string | undefined
  #openedAt = 0
  #ticker: ReturnType<typeof setInterval> | undefined
  #hiddenAt: number | undefined
  /** Connecting again, after a pause. */
  #isReturning = false

  /** How old the picture is, in milliseconds. */
  readonly ageMs: ReadonlySignal<number> = computed(() => this.sinceHere(this.#lastEventAt.value))
  readonly isStale: ReadonlySignal<boolean> = computed(() => this.state.value === 'stale')
  /** True while the stream says that PostgreSQL does not answer. */
  readonly isDown: ReadonlySignal<boolean> = computed(() => this.health.value?.healthy === false)

  start(): void {
    if (this.#ticker !== undefined) return
    this.#lastEventAt.value = Date.now()
    this.#connect()
    this.#ticker = setInterval(() => this.#tick(), 1_000)
    document.addEventListener('visibilitychange', this.#onVisibility)
  }

  stop(): void {
    clearInterval(this.#ticker)
    this.#ticker = undefined
    this.#ending?.abort()
    document.removeEventListener('visibilitychange', this.#onVisibility)
  }

  #connect(): void {
    this.#ending?.abort()
    const ending = new AbortController()
    this.#ending = ending
    this.#openedAt = Date.now()
    const again = (): void => {
      if (!ending.signal.aborted) setTimeout(() => !ending.signal.aborted && this.#connect(), RETRY_AFTER_MS)
    }
    // Why it failed, the pages tell that ask for the rest.
    listen({ after: this.#lastId, signal: ending.signal }, (event) => this.#take(event)).then(again, again)
  }

  #take({ id, type, data }: StreamEvent): void {
    this.#lastId = id ?? this.#lastId
    const into = { pool: this.pool, database: this.database, health: this.health }[type]
    if (into === undefined) return
    into.value = JSON.parse(data) as never
    this.#heard()
  }

  /** Milliseconds since an instant of the browser's own clock. */
  sinceHere(atMs: number): number {
    return Math.max(0, this.#tickAt.value - atMs)
  }

  #heard(): void {
    this.#lastEventAt.value = Date.now()
    if (this.state.peek() === 'live') return
    if (this.state.peek() !== 'connecting' || this.#isReturning) this.returns.value += 1
    this.#isReturning = false
    this.state.value = 'live'
  }

  #tick(): void {
    const now = Date.now()
    this.#tickAt.value = now
    if (this.state.peek() === 'paused') return
    if (this.#hiddenAt !== undefined && now - this.#hiddenAt > PAUSE_AFTER_MS) return this.#pause()
    const silentMs = now - this.#lastEventAt.peek()
    if (silentMs > STALE_AFTER_MS) this.state.value = 'stale'
    // Also when the browser has given up, as it does after an answer that is no stream.
    if (silentMs > RECONNECT_AFTER_MS && now - this.#openedAt > RECONNECT_AFTER_MS) this.#connect()
  }

  #pause(): void {
    this.state.value = 'paused'
    this.#ending?.abort()
  }

  readonly #onVisibility = (): void => {
    this.#hiddenAt = document.hidden ? Date.now() : undefined
    if (document.hidden || this.state.peek() !== 'paused') return
    // As at the start: without an event soon it is stale, and made anew.
    this.state.value = 'connecting'
    this.#lastEventAt.value = Date.now()
    this.#isReturning = true
    this.#connect()
  }
}

/** The one stream of this page. */
export const live = new LiveStream()
