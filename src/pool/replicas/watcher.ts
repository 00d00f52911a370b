import { type Clock, within } from '../../core/index.ts'

/** A server that does not answer within this is not worth waiting for. */
const LIMIT_MS = 2_000
const IDLE_MS = 60_000

/** A pool to the same server that is made for watching. */
interface OwnPool {
  query(text: string): Promise<{ rows: unknown[] }>
  end(options: { timeoutMs: number }): Promise<void>
}

/** A pool whose server is watched. */
export interface WatchedPool {
  sibling(options: {
    size: number
    overflow: number
    acquireTimeoutMs: number
    idleTimeoutMs: number
    pipelining: 'off'
    allowExitOnIdle: boolean
  }): OwnPool
}

/** Asks one server, over one connection beside its pool: a pool that is used up says nothing about the server. */
export class Watcher {
  readonly #pool: OwnPool
  readonly #clock: Clock

  constructor(watched: WatchedPool, clock: Clock) {
    this.#clock = clock
    this.#pool = watched.sibling({
      size: 1,
      overflow: 0,
      acquireTimeoutMs: LIMIT_MS,
      idleTimeoutMs: IDLE_MS,
      pipelining: 'off',
      allowExitOnIdle: true,
    })
  }

  /** The one row of the answer. Rejects after two seconds. */
  ask(text: string): Promise<unknown> {
    const silent = (): Error => new Error(`no answer within ${LIMIT_MS} ms`)
    // Its one session may have been ended by somebody, which says nothing: it is asked twice.
    const asked = this.#pool.query(text).catch(() => this.#pool.query(text))
    return within(this.#clock, LIMIT_MS, asked, silent).then(({ rows }) => rows[0])
  }

  end(): Promise<void> {
    return this.#pool.end({ timeoutMs: 0 })
  }
}
