import type pg from 'pg'
import { type Clock, wait } from '../core/index.ts'
import type { Announcer } from './announcer.ts'
import type { Connection } from './connection.ts'
import type { Slots } from './slots.ts'
import type { PoolCounters } from './stats.ts'

/** Closes connections. Each counts until its socket is closed. */
export class Closer {
  readonly #slots: Slots
  readonly #clock: Clock
  readonly #counters: PoolCounters
  readonly #announcer: Announcer
  readonly #closed: () => void
  readonly #onRemoved: (() => void)[] = []

  /** @param closed is told each time one is gone: there is room now. */
  constructor(slots: Slots, clock: Clock, counters: PoolCounters, announcer: Announcer, closed: () => void) {
    this.#slots = slots
    this.#clock = clock
    this.#counters = counters
    this.#announcer = announcer
    this.#closed = closed
  }

  close(connection: Connection): void {
    this.#slots.move(connection, 'closing')
    void connection.close().then(() => {
      this.#slots.remove(connection)
      this.#counters.closed += 1
      for (const wake of this.#onRemoved.splice(0)) wake()
      this.#announcer.tell('remove', connection.client as pg.PoolClient)
      this.#closed()
    })
  }

  /** Resolves when `isDone`, which is asked each time one is gone, or after `timeoutMs`. */
  async until(isDone: () => boolean, timeoutMs = Number.POSITIVE_INFINITY): Promise<void> {
    const deadline = this.#clock.monotonicMs() + timeoutMs
    while (!isDone() && this.#clock.monotonicMs() < deadline) await this.#nextRemoval(deadline)
  }

  async #nextRemoval(deadline: number): Promise<void> {
    const removed = new AbortController()
    this.#onRemoved.push(() => removed.abort())
    await wait(this.#clock, deadline - this.#clock.monotonicMs(), removed.signal).catch(() => {})
  }
}
