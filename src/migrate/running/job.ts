import type pg from 'pg'
import { type Clock, hideLiterals } from '../../core/index.ts'
import type { Script } from '../format/script.ts'
import type { Statement } from '../format/statements.ts'
import type { Attempt, Direction, StatementRecord } from '../history/history.ts'
import type { MigrateOptions } from '../options.ts'
import type { OnProgress } from './progress.ts'
import type { MigrateTarget } from './session.ts'
import type { RunnerWatch } from './watch.ts'

/** One migration on its way up or down, with everything read and parsed that could be wrong. */
export interface Job {
  readonly id: string
  readonly direction: Direction
  readonly script: Script
  readonly checksum: string
  /** Empty for a step in TypeScript. */
  readonly statements: readonly Statement[]
  /** Path of the check that must hold afterwards, where it is due with this job. */
  readonly validate: string | undefined
  /** Called before the first statement, in the transaction where there is one; to refuse, it throws. */
  readonly guard?: ((client: pg.Client) => Promise<void>) | undefined
  /** Written in the same transaction as the history row: what must not be forgotten. */
  readonly alsoRecord?: ((client: pg.Client) => Promise<void>) | undefined
}

/** What a run of jobs works with. */
export interface Run {
  readonly client: pg.Client
  readonly target: MigrateTarget
  readonly options: Pick<MigrateOptions, 'lockTimeoutMs' | 'lockRetries'> & {
    readonly contractGraceMs: number
  }
  readonly clock: Clock
  readonly watch: RunnerWatch
  readonly onProgress: OnProgress
}

/** How far an attempt is. */
export class Course {
  readonly #job: Job
  readonly #clock: Clock
  readonly startedAt: Date
  retries = 0
  line = 1
  text: string | null = null
  done: StatementRecord[] = []

  constructor(job: Job, clock: Clock) {
    this.#job = job
    this.#clock = clock
    this.startedAt = new Date(clock.now())
  }

  /** What the history is told of it. */
  attempt(failure?: Attempt['failure']): Attempt {
    const { id, checksum, direction } = this.#job
    const base = {
      id,
      checksum,
      direction,
      startedAt: this.startedAt,
      finishedAt: new Date(this.#clock.now()),
    }
    return { ...base, statements: this.done, retries: this.retries, ...(failure && { failure }) }
  }

  get durationMs(): number {
    return this.#clock.now() - this.startedAt.getTime()
  }
}

/** The statement that failed, fit for the history: without its values, so that no secret is kept. */
export function withoutValues(text: string | null): string | null {
  return text === null ? null : hideLiterals(text).slice(0, 1_000)
}
