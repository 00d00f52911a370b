import { onTestFinished, vi } from 'vitest'
import { type AlertRule, Alerts, AlertStore, type Channel, webhook } from '../../src/alerts/index.ts'
import { Collecting } from './collecting.ts'
import { Receiver } from './receiving.ts'

/** Somebody left a transaction open: as many alerts as a test wants. */
export const OPEN_TRANSACTION: AlertRule = {
  name: 'open_transaction',
  metric: 'connections_idle_in_transaction',
  above: { warning: 0, error: 1 },
  clearMs: 20_000,
}

/** Somebody who is told, until the test ends. */
export async function receiving(): Promise<Receiver> {
  const receiver = await Receiver.start()
  onTestFinished(() => receiver.stop())
  return receiver
}

/** What may be said of how it is watched. */
export interface WatchedInput {
  readonly rules?: readonly AlertRule[]
  readonly repeatMs?: number
  readonly clock?: Collecting['clock']
  /** Of the machine's time, for a channel that hangs. Default the product's. */
  readonly attemptMs?: number
}

/** A database that is watched, on a clock that moves when it is told to. */
export class Watched {
  readonly collecting: Collecting
  readonly alerts: Alerts
  readonly problems: string[] = []

  private constructor(url: string, channels: readonly Channel[], input: WatchedInput) {
    const { rules = [OPEN_TRANSACTION], repeatMs, clock, attemptMs } = input
    this.collecting = new Collecting(url, { clock })
    this.alerts = new Alerts({
      collector: this.collecting.collector,
      rules,
      channels,
      database: 'shop',
      repeatMs,
      clock: this.collecting.clock,
      ...(attemptMs !== undefined && { attemptMs }),
      onProblem: (problem) => this.problems.push(problem),
    })
  }

  /** Watched by the one who looks at the database, until the test ends. */
  static async start(url: string, channels: readonly Channel[], input: WatchedInput = {}): Promise<Watched> {
    const watched = new Watched(url, channels, input)
    onTestFinished(() => watched.close())
    watched.alerts.start()
    await watched.collecting.lead()
    return watched
  }

  get store(): AlertStore {
    if (!this.alerts.store) throw new Error('not known yet')
    return this.alerts.store
  }

  /** Lets beats pass, with all that alerts make of them. */
  async beat(times = 1): Promise<void> {
    for (let n = 0; n < times; n += 1) {
      await this.collecting.beat()
      await this.alerts.idle()
    }
  }

  /** Opens a transaction and leaves it open; returns what ends it. */
  async leaveOpen(): Promise<() => Promise<void>> {
    const client = await this.collecting.pool.connect()
    await client.query('BEGIN')
    return async () => {
      await client.query('ROLLBACK')
      client.release()
    }
  }

  async close(): Promise<void> {
    await this.alerts.close()
    await this.collecting.close()
  }
}

/** A database with an alert that nobody takes: what is told of it is answered with 500. */
export async function firingInVain(url: string): Promise<{
  readonly receiver: Receiver
  readonly first: Watched
  /** Ends what it is about. */
  readonly end: () => Promise<void>
}> {
  const receiver = await receiving()
  receiver.answer = 500
  const first = await Watched.start(url, [webhook(receiver.url)])
  const end = await first.leaveOpen()
  await first.beat(2)
  await vi.waitUntil(() => receiver.attempts >= 1, { timeout: 60_000 })
  return { receiver, first, end }
}
