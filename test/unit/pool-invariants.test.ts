/**
 * The pool's promises under any order of events: clients that connect, fail, drop and close when the test says so,
 * on a clock that moves when the test says so. A failing run prints its seed and its shortest sequence of steps.
 */
import { EventEmitter } from 'node:events'
import fc from 'fast-check'
import type pg from 'pg'
import { expect, test } from 'vitest'
import { Pool, type PooledClient } from '../../src/pool/index.ts'
import { FakeClock } from '../../src/testing/index.ts'

const SIZE = 2
const OVERFLOW = 1
/** More with `npm run stress:invariants`. */
const RUNS = Number(process.env.HOLDFAST_TEST_RUNS ?? 500)

/** A client without a server: it does nothing before it is told how it went. */
class FakeClient extends EventEmitter {
  static readonly all: FakeClient[] = []
  readonly connection = { stream: { destroy: () => this.drop() } }
  readyForQuery = true
  status: 'I' | 'T' = 'I'
  settleConnect: { resolve: () => void; reject: (error: Error) => void } | undefined
  settleEnd: (() => void) | undefined
  isGone = false

  constructor() {
    super()
    FakeClient.all.push(this)
  }

  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.settleConnect = { resolve, reject }
    })
  }

  async query(text: string): Promise<{ rows: unknown[]; rowCount: number }> {
    if (this.isGone) throw new Error('Connection terminated')
    if (text === 'BEGIN') this.status = 'T'
    if (text === 'ROLLBACK') this.status = 'I'
    return { rows: [], rowCount: 0 }
  }

  end(): Promise<void> {
    return new Promise((resolve) => {
      this.settleEnd = () => {
        this.drop()
        resolve()
      }
    })
  }

  drop(): void {
    if (this.isGone) return
    this.isGone = true
    this.settleConnect?.reject(new Error('Connection terminated'))
    this.emit('end')
  }

  getTransactionStatus(): string {
    return this.status
  }

  ref(): void {}
  unref(): void {}
}

type Step =
  | { do: 'acquire'; withSignal: boolean }
  | { do: 'query' }
  | { do: 'advance'; ms: number }
  | { do: 'abort' | 'connect' | 'failToConnect' | 'drop' | 'finishEnd' | 'releaseAgain'; which: number }
  | { do: 'release'; which: number; how: 'clean' | 'dirty' | 'destroy' }

const which = fc.nat(5)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('acquire' as const), withSignal: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('query' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 60, 600, 6_000) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('connect' as const), which }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'abort' as const,
        'failToConnect' as const,
        'drop' as const,
        'finishEnd' as const,
        'releaseAgain' as const,
      ),
      which,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('release' as const),
      which,
      how: fc.constantFrom('clean' as const, 'dirty' as const, 'destroy' as const),
    }),
  },
)

/** Lets everything that is ready happen; nothing here waits for real time. */
async function settle(): Promise<void> {
  for (let round = 0; round < 8; round += 1) await new Promise((resolve) => process.nextTick(resolve))
}

class World {
  readonly clock = new FakeClock()
  readonly held: { client: PooledClient; release: PooledClient['release'] }[] = []
  readonly released: PooledClient['release'][] = []
  readonly signals: AbortController[] = []
  readonly faults: string[] = []
  asked = 0
  settled = 0
  readonly pool: Pool

  constructor() {
    FakeClient.all.length = 0
    this.pool = new Pool(
      {
        Client: FakeClient as unknown as typeof pg.Client,
        size: SIZE,
        overflow: OVERFLOW,
        acquireTimeoutMs: 500,
        connectTimeoutMs: 5_000,
        cleanupTimeoutMs: 50,
        overflowIdleMs: 50,
        recycleMs: 20_000,
        prePingAfterIdleMs: false,
        maxWaiting: 6,
      },
      this.clock,
    )
  }

  async take(from: Step): Promise<void> {
    const pending = FakeClient.all.filter(({ settleConnect, isGone }) => settleConnect && !isGone)
    switch (from.do) {
      case 'acquire':
        return this.#acquire(from.withSignal)
      case 'query':
        this.asked += 1
        this.pool.query('SELECT 1').then(
          () => (this.settled += 1),
          () => (this.settled += 1),
        )
        return
      case 'advance':
        return this.clock.advance(from.ms)
      case 'abort':
        return this.signals[from.which % this.signals.length]?.abort(new Error('gave up'))
      case 'connect':
        return pending[from.which % pending.length]?.settleConnect?.resolve()
      case 'failToConnect':
        return pending[from.which % pending.length]?.settleConnect?.reject(new Error('ECONNREFUSED'))
      case 'drop':
        return FakeClient.all[from.which % FakeClient.all.length]?.drop()
      case 'finishEnd':
        return FakeClient.all.filter(({ settleEnd }) => settleEnd)[from.which]?.settleEnd?.()
      case 'releaseAgain':
        return this.released[from.which % this.released.length]?.()
      case 'release': {
        const [one] = this.held.splice(from.which % Math.max(1, this.held.length), 1)
        if (!one) return
        if (from.how === 'dirty') (one.client as unknown as FakeClient).status = 'T'
        this.released.push(one.release)
        one.release(from.how === 'destroy')
      }
    }
  }

  #acquire(withSignal: boolean): void {
    this.asked += 1
    const giveUp = new AbortController()
    if (withSignal) this.signals.push(giveUp)
    this.pool.connect(withSignal ? { signal: giveUp.signal } : {}).then(
      (client) => {
        this.settled += 1
        if (isGone(client) || this.held.some((one) => one.client === client))
          this.faults.push('a client that is gone, or held')
        this.held.push({ client, release: client.release })
      },
      () => (this.settled += 1),
    )
  }

  check(): void {
    expect(this.faults).toEqual([])
    const { total, idle, busy, waiting, connecting, closing } = this.pool.stats()
    expect(total).toBeLessThanOrEqual(SIZE + OVERFLOW)
    expect(idle + busy + connecting + closing).toBe(total)
    expect(busy).toBeGreaterThanOrEqual(this.held.filter(({ client }) => !isGone(client)).length)
    if (waiting > 0) expect(idle).toBe(0)
    expect(this.asked - this.settled).toBe(waiting)
  }

  /** Everything still out comes back, everything pending fails; then nothing may be left. */
  async finish(): Promise<void> {
    const ended = this.pool.end({ timeoutMs: 100 })
    for (let round = 0; round < 20; round += 1) {
      for (const client of FakeClient.all) {
        client.settleConnect?.reject(new Error('late'))
        client.settleEnd?.()
      }
      await this.clock.advance(10_000)
      await settle()
    }
    await ended
    expect(this.pool.stats()).toMatchObject({ total: 0, waiting: 0, busy: 0, idle: 0 })
    expect(this.settled).toBe(this.asked)
  }
}

const isGone = (client: PooledClient): boolean => (client as unknown as FakeClient).isGone

test(`whatever happens in whatever order, the pool keeps its books (${RUNS} sequences)`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const world = new World()
      for (const one of steps) {
        await world.take(one)
        await settle()
        world.check()
      }
      await world.finish()
    }),
    {
      numRuns: RUNS,
      ...(process.env.HOLDFAST_TEST_SEED && { seed: Number(process.env.HOLDFAST_TEST_SEED) }),
    },
  )
})
