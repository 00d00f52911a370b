import type { Queryable } from '../core/index.ts'
import type { MigrateTarget } from '../migrate/index.ts'
import type { PoolStats } from '../pool/index.ts'
import type { ServerIdentity } from './queries.ts'

/** How bad: severities are the same everywhere. From warning on, a check has found a problem. */
export type Severity = 'info' | 'warning' | 'error'

/** One thing that is not as it should be, and what to do about it. */
export interface Finding {
  /** The check that found it; stable. */
  readonly check: string
  readonly severity: Severity
  /** The object's schema-qualified name, a variable, or the database. */
  readonly subject: string
  /** The consequence, then the cause. */
  readonly message: string
  /** The observed values. */
  readonly evidence: Readonly<Record<string, unknown>>
  /** The next step in words or as a command. */
  readonly action: string
  /** The next step as SQL, where there is one. */
  readonly sql: string | null
}

/** What checks look at. */
export interface CheckContext {
  readonly db: Queryable
  readonly identity: ServerIdentity
  /** Schema of Holdfast's own tables. */
  readonly schema: string
  /** The user's migrations; undefined where nobody said where they are. */
  readonly migrations: MigrateTarget | undefined
  /** The most connections that one process of this configuration may open. */
  readonly connectionLimit: number
  /** The running pool, where there is one. */
  readonly pool?: PoolStats
}

/** One diagnosis. */
export interface Check {
  readonly id: string
  /** What it means when nothing is found, for the report. */
  readonly good: string
  /** Null: it could not be checked, and another finding says why. */
  readonly run: (context: CheckContext) => Promise<Finding[] | null>
}
