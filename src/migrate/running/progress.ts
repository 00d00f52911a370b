import type { Direction } from '../history/history.ts'
import type { Sight } from './watch.ts'

/** What a run tells while it works. */
export type MigrateProgress =
  | {
      readonly kind: 'started'
      readonly id: string
      readonly direction: Direction
      readonly index: number
      readonly count: number
    }
  /** A statement is about to be sent. */
  | {
      readonly kind: 'statement'
      readonly id: string
      readonly step: number
      readonly steps: number
      readonly line: number
    }
  /** A statement has taken effect, or will with its transaction. */
  | {
      readonly kind: 'finished'
      readonly id: string
      readonly step: number
      readonly line: number
      readonly durationMs: number
    }
  /** Twice a second while a statement runs for longer. */
  | ({
      readonly kind: 'running'
      readonly id: string
      readonly line: number
      readonly elapsedMs: number
    } & Sight)
  | {
      readonly kind: 'retrying'
      readonly id: string
      readonly line: number
      readonly attempt: number
      readonly blockedBy: string
    }
  /** A statement that an earlier run had begun: what the catalog says about it. */
  | {
      readonly kind: 'recovered'
      readonly id: string
      readonly line: number
      readonly outcome: 'done' | 'again'
    }
  | {
      readonly kind: 'backfill'
      readonly id: string
      readonly rowsDone: number
      readonly rowsEstimated: number
      readonly rowsPerSecond: number
    }
  /** A backfill waits: somebody paused it, or others suffer. */
  | { readonly kind: 'held back'; readonly id: string; readonly reason: string }
  | { readonly kind: 'said'; readonly id: string; readonly text: string }
  | {
      readonly kind: 'applied'
      readonly id: string
      readonly direction: Direction
      readonly durationMs: number
    }

/** Whoever watches a run. */
export type OnProgress = (progress: MigrateProgress) => void
