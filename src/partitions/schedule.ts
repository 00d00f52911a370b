import { type Clock, isHoldfastError, type Recorder, Scheduler } from '../core/index.ts'
import { maintain } from './maintain.ts'
import { retain } from './retain.ts'
import type { PartitionTarget } from './upkeep.ts'

/** How partitions are looked after in the background. */
export interface ScheduleOptions {
  readonly everyMs: number
  readonly recorder?: Recorder | undefined
  /** Told of a table that failed, or of a run that did; the next one tries again. */
  readonly onFailure: (what: string, error: unknown) => void
  readonly clock?: Clock | undefined
}

/**
 * Looks after all tables under upkeep at once, and again and again, as `maintain` and `retain` do. Several processes may: each
 * table is looked after by one at a time.
 */
export class UpkeepSchedule {
  readonly #scheduler: Scheduler

  constructor(target: PartitionTarget, { everyMs, recorder, onFailure, clock }: ScheduleOptions) {
    this.#scheduler = new Scheduler(onFailure, clock)
    const run = async (signal: AbortSignal): Promise<void> => {
      for (const work of [maintain, retain]) {
        const done = await work(target, { signal, recorder }).catch((error: unknown) => {
          // Whoever never installed it has no table under upkeep.
          if (isHoldfastError(error) && error.code === 'HF_PARTITION_OWN_SCHEMA') return []
          throw error
        })
        for (const { table, error } of done) if (error !== null) onFailure(table, error)
      }
    }
    this.#scheduler.soon('upkeep of partitions', run)
    this.#scheduler.every('upkeep of partitions', everyMs, run)
  }

  /** Begins nothing more, and waits a little for what runs. */
  close(): Promise<void> {
    return this.#scheduler.stop()
  }
}
