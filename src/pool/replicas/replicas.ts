import { type Clock, SQLSTATE, sqlstateOf, type Timer, wait } from '../../core/index.ts'
import type { HolderPicture } from '../errors.ts'
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
  /** The primary's position now; rejects when it does not come soon. */
  position(): Promise<WalPosition>
  /** A replica was taken out, or is back. */
  changed(picture: ReplicaPicture): void
}

/** What one read asks for. */
export interface ReadNeeds {
  /** What the reader must see. */
  readonly after?: WalPosition | undefined
  /** Ends the wait for a replica. */
  readonly signal?: AbortSignal | undefined
  /** Whether something ran that cannot be run a second time; not given: nothing can. */
  readonly hasBegun?: () => boolean
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
  /** Those that are known to be used. */
  readonly #used = new Set<Replica<Pool>>()
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
   */
  async read<T>(run: (pool: Pool) => Promise<T>, needs: ReadNeeds): Promise<T> {
    const { hasBegun } = needs
    const replica = await this.#choose(needs)
    if (!replica) return run(this.#primary)
    try {
      return await replica.read(run, hasBegun === undefined)
    } catch (error) {
      const isGone = isConnectionError(error)
      // One session that ended, or somebody else's server, proves nothing: a look does.
      if (isGone) void this.#look()
      if (hasBegun?.() || (!isGone && !isInTheWay(error))) throw error
    }
    return run(this.#primary)
  }

  /** @returns who still holds connections */
  async drain(timeoutMs: number): Promise<HolderPicture[]> {
    return (await Promise.all(this.#all.map(({ pool }) => pool.drain({ timeoutMs })))).flat()
  }

  resume(): void {
    for (const { pool } of this.#all) pool.resume()
  }

  async end(timeoutMs: number): Promise<void> {
    this.#isEnded = true
    this.#timer?.cancel()
    await Promise.all(this.#all.map((replica) => replica.end(timeoutMs)))
  }

  async #choose({ after, signal }: ReadNeeds): Promise<Replica<Pool> | undefined> {
    this.#lastReadAt = this.#clock.monotonicMs()
    if (!this.#isKnown) await untilAborted(this.#begin(), signal)
    const ready = this.#best(after)
    if (ready || after === undefined) return ready
    const deadline = this.#lastReadAt + this.#spec.waitMs
    while (this.#clock.monotonicMs() < deadline && this.#all.some(({ isUsed }) => isUsed)) {
      await wait(this.#clock, CATCH_UP_STEP_MS, signal)
      await untilAborted(this.#lookAt(this.#all.filter(({ isUsed }) => isUsed)), signal)
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

  /** Looks at the primary and all replicas now. */
  #look(): Promise<void> {
    this.#looking ??= Promise.all([this.#lookAtPrimary(), this.#lookAt(this.#all)]).then(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #lookAtPrimary(): Promise<void> {
    try {
      const written = bytesOf(await this.#spec.position())
      for (const replica of this.#all) replica.compare(written)
    } catch {
      return // it is away: the replicas go on serving, by what was known before
    }
    this.#tellChanges()
  }

  async #lookAt(replicas: readonly Replica<Pool>[]): Promise<void> {
    await Promise.all(replicas.map((replica) => replica.look()))
    this.#tellChanges()
  }

  #tellChanges(): void {
    for (const replica of this.#all) {
      if (replica.isUsed === this.#used.has(replica) || this.#isEnded) continue
      if (replica.isUsed) this.#used.add(replica)
      else this.#used.delete(replica)
      this.#spec.changed(replica.picture())
    }
  }

  /** The first look, which all wait for, and from then on one after the other. */
  #begin(): Promise<void> {
    this.#beginning ??= this.#look().then(() => {
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
        else void this.#look().then(() => this.#lookLater())
      },
      this.#spec.checkMs,
      'background',
    )
  }
}

/** The standby cancelled it to go on replaying ("conflict with recovery"). */
function isInTheWay(error: unknown): boolean {
  return sqlstateOf(error) === SQLSTATE.serializationFailure
}

/** Waits for `work`, or rejects with the signal's reason; the work goes on for others. */
function untilAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return work
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error)
    const onAbort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
