import { type Clock, SQLSTATE, sqlstateOf, type Timer, wait } from '../../core/index.ts'
import { isConnectionError } from '../outcome.ts'
import type { Replica, ReplicaPicture, ReplicaPool } from './replica.ts'
import { bytesOf, type WalPosition } from './wal-position.ts'

/** Between two looks at a replica that a read waits for. */
const CATCH_UP_STEP_MS = 5
/** Without reads for so long nobody looks at the replicas any more. */
const QUIET_MS = 60_000

export interface ReplicasSpec {
  /** How often the replicas are looked at while there are reads. */
  readonly checkMs: number
  /** How long a read waits for a replica that has not replayed what it must see. */
  readonly waitMs: number
  /** The primary's position now. */
  position(): Promise<WalPosition>
  /** A replica was taken out, or is back. */
  changed(picture: ReplicaPicture): void
}

/**
 * Chooses where a read goes: to the replica that is quickest among those near enough, and that has replayed what the
 * reader must see; else to the primary. While there are reads, each replica is looked at every second.
 */
export class Replicas<Pool extends ReplicaPool> {
  readonly #primary: Pool
  readonly #all: readonly Replica<Pool>[]
  readonly #clock: Clock
  readonly #spec: ReplicasSpec
  /** The primary's position as last known: it only grows. */
  #written: bigint | undefined
  #looking: Promise<void> | undefined
  #beginning: Promise<void> | undefined
  /** What is known of the replicas is new enough to choose by. */
  #isKnown = false
  #timer: Timer | undefined
  #lastReadAt = 0
  #isEnded = false

  constructor(primary: Pool, all: readonly Replica<Pool>[], clock: Clock, spec: ReplicasSpec) {
    this.#primary = primary
    this.#all = all
    this.#clock = clock
    this.#spec = spec
  }

  pictures(): ReplicaPicture[] {
    return this.#all.map((replica) => replica.picture())
  }

  /**
   * Runs a read. When the replica turns out to be gone, or cancels the read to go on replaying, it runs again on the
   * primary: a standby has written nothing.
   *
   * @param after what the reader must see.
   * @param hasBegun whether something ran that cannot be run a second time.
   */
  async read<T>(
    run: (pool: Pool) => Promise<T>,
    after: WalPosition | undefined,
    hasBegun?: () => boolean,
  ): Promise<T> {
    const replica = await this.#choose(after)
    if (!replica) return run(this.#primary)
    try {
      return await replica.read(run, hasBegun === undefined)
    } catch (error) {
      const isGone = isConnectionError(error)
      if (isGone) this.#fail(replica, error)
      if (hasBegun?.() || (!isGone && !isInTheWay(error))) throw error
    }
    return run(this.#primary)
  }

  /** Looks at all replicas now. */
  look(): Promise<void> {
    this.#looking ??= this.#lookAtAll().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async drain(timeoutMs: number): Promise<void> {
    await Promise.all(this.#all.map(({ pool }) => pool.drain({ timeoutMs })))
  }

  resume(): void {
    for (const { pool } of this.#all) pool.resume()
  }

  async end(timeoutMs: number): Promise<void> {
    this.#isEnded = true
    this.#timer?.cancel()
    await Promise.all(this.#all.map(({ pool }) => pool.end({ timeoutMs })))
  }

  async #choose(after: WalPosition | undefined): Promise<Replica<Pool> | undefined> {
    this.#lastReadAt = this.#clock.monotonicMs()
    if (!this.#isKnown) await this.#begin()
    const ready = this.#best(after)
    if (ready || after === undefined || !this.#all.some(({ isUsed }) => isUsed)) return ready
    const deadline = this.#lastReadAt + this.#spec.waitMs
    while (this.#clock.monotonicMs() < deadline) {
      await wait(this.#clock, CATCH_UP_STEP_MS)
      await Promise.all(this.#all.filter(({ isUsed }) => isUsed).map((one) => one.look(this.#written)))
      const caughtUp = this.#best(after)
      if (caughtUp) return caughtUp
    }
    return undefined
  }

  #best(after: WalPosition | undefined): Replica<Pool> | undefined {
    let best: Replica<Pool> | undefined
    for (const replica of this.#all) {
      if (!replica.isUsed || (after !== undefined && !replica.hasReplayed(after))) continue
      if (!best || replica.cost < best.cost) best = replica
    }
    return best
  }

  async #lookAtAll(): Promise<void> {
    try {
      const now = bytesOf(await this.#spec.position())
      if (this.#written === undefined || now > this.#written) this.#written = now
    } catch {
      // The primary is away: what it had written before is a lower bound, and the replicas go on serving.
    }
    await Promise.all(
      this.#all.map(async (replica) => {
        const before = replica.isUsed
        await replica.look(this.#written)
        if (replica.isUsed !== before) this.#spec.changed(replica.picture())
      }),
    )
  }

  /** The first look, which all wait for, and from then on one after the other. */
  #begin(): Promise<void> {
    this.#beginning ??= this.look().then(() => {
      this.#beginning = undefined
      this.#isKnown = true
      this.#lookLater()
    })
    return this.#beginning
  }

  #lookLater(): void {
    if (this.#isEnded) return
    this.#timer = this.#clock.setTimer(
      () => {
        if (this.#clock.monotonicMs() - this.#lastReadAt > QUIET_MS) this.#isKnown = false
        else void this.look().then(() => this.#lookLater())
      },
      this.#spec.checkMs,
      'background',
    )
  }

  #fail(replica: Replica<Pool>, error: unknown): void {
    if (!replica.isUsed) return
    replica.fail(error)
    this.#spec.changed(replica.picture())
  }
}

/** The standby cancelled it to go on replaying ("conflict with recovery"). */
function isInTheWay(error: unknown): boolean {
  return sqlstateOf(error) === SQLSTATE.serializationFailure
}
