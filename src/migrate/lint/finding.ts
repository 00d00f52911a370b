import type { LockMode } from './locks.ts'

/** How much a finding matters: `error` stops traffic or fails, `warning` may, `info` is worth knowing. */
export type Severity = 'info' | 'warning' | 'error'

/** What the linter has to say about one statement. */
export interface LintFinding {
  /** Stable name, as `allow=` takes it. */
  readonly rule: string
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  /** The statement as it stands, cut after 300 characters. */
  readonly statement: string
  readonly severity: Severity
  /** The strongest lock that the statement takes on a table that traffic uses; null where it takes none. */
  readonly lock: LockMode | null
  /** The tables it is taken on, and what cannot go on with them meanwhile. */
  readonly blocks: { readonly tables: readonly string[]; readonly what: string } | null
  /** A table is read from end to end under the lock. */
  readonly scans: boolean
  /** A table or index is written anew under the lock. */
  readonly rewrites: boolean
  readonly message: string
  /** The safe way for this very statement, as SQL that can be pasted or as directions; null where there is none. */
  readonly safe: string | null
  /** `measured`: seen on a scratch database rather than inferred. */
  readonly evidence: 'inferred' | 'measured'
}
