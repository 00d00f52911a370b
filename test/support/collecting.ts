import { vi } from 'vitest'
import { Collector, type Frame, type FrameKind, LEVELS, type Level } from '../../src/monitor/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { FakeClock } from '../../src/testing/index.ts'

/** A collector of a database on a clock that stands still. */
export class Collecting {
  readonly clock: FakeClock
  readonly pool: Pool
  readonly collector: Collector
  readonly problems: string[] = []

  /** @param clock default: begins with a full ten minutes near now, so that partitions of today fit */
  constructor(
    url: string,
    { clock = aFullTenMinutes(), intervalMs }: { clock?: FakeClock | undefined; intervalMs?: number } = {},
  ) {
    this.clock = clock
    this.pool = new Pool({ connectionString: url })
    this.collector = new Collector({
      pool: this.pool,
      history: { url, ownSchema: 'holdfast' },
      intervalMs,
      clock: this.clock,
      onProblem: (problem) => this.problems.push(problem),
    })
  }

  /** Starts, and waits until it is the one that looks at the database. */
  async lead(): Promise<void> {
    this.collector.start()
    await this.beat()
    let looks = 0
    await vi.waitUntil(
      async () => {
        if (this.collector.status().state === 'collecting') return true
        looks += 1
        // The one before may hold on to it for a moment; it is asked for again every thirty seconds of this clock.
        if (looks % 40 === 0) await this.beat()
        return false
      },
      { timeout: 60_000 },
    )
    // From here on there is something to take differences from.
    await this.beat()
  }

  /** Lets beats of ten seconds pass, each with all that it does. */
  async beat(times = 1): Promise<void> {
    for (let n = 0; n < times; n += 1) {
      await this.clock.advance(10_000)
      await this.collector.idle()
    }
  }

  /** Lets the minute end that goes on. */
  async endMinute(): Promise<void> {
    do await this.beat()
    while (this.clock.now() % 60_000 !== 0)
  }

  async read(kind: FrameKind, level: Level = LEVELS[0]): Promise<Frame[]> {
    const { history } = this.collector
    if (!history) throw new Error('nothing was looked for yet')
    return history.read({ level, kind, fromMs: 0, toMs: this.clock.now() })
  }

  async close(): Promise<void> {
    await this.collector.close()
    await this.pool.end()
  }
}

export function aFullTenMinutes(): FakeClock {
  return new FakeClock(Math.floor(Date.now() / 600_000) * 600_000)
}

/** One figure of a frame. */
export function figureOf(frame: Frame | undefined, key: string, field: string): number | null | undefined {
  const place = frame?.keys.indexOf(key) ?? -1
  return place < 0 ? undefined : frame?.figures[field]?.[place]
}
