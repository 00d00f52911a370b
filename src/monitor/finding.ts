import type { Clock, OwnersQueryable } from '../core/index.ts'
import type { MigrateTarget } from '../migrate/index.ts'
import type { PoolStats } from '../pool/index.ts'
import type { HistoryStore } from './history/store.ts'
import type { ServerIdentity } from './queries.ts'
import type { Reader } from './reader.ts'

/** How bad: severities are the same everywhere. From warning on, a check has found a problem. */
export type Severity = 'info' | 'warning' | 'error'

/** A setting takes effect with the next reload. */
export const CHANGE = 'Change it, as a superuser, followed by SELECT pg_reload_conf():'

/** How sure a finding is: seen as it is; following from what was seen; reckoned from statistics. */
export type Confidence = 'certain' | 'likely' | 'estimate'

/** One thing that is not as it should be, and what to do about it. */
export interface Finding {
  /** The check that found it; stable. */
  readonly check: string
  readonly severity: Severity
  readonly confidence: Confidence
  /** The object's schema-qualified name, a variable, or the database. */
  readonly subject: string
  /** The consequence, then the cause. */
  readonly message: string
  /** The observed values. What PostgreSQL or others said when something failed is `error`, and only that: it may hold values of rows. */
  readonly evidence: Readonly<Record<string, unknown>>
  /** The next step in words or as a command. */
  readonly action: string
  /** The next step as SQL, where there is one. */
  readonly sql: string | null
  /** Why it matters at all. */
  readonly why: string
}

/** What a check says of one thing; the rest is the check's. */
export type Found = Omit<Finding, 'check' | 'why' | 'confidence'> &
  Partial<Pick<Finding, 'confidence'>> & {
    /** It says why the check could not be done, and nothing of the database. */
    readonly isUntold?: boolean
  }

/** What checks look at. */
export interface CheckContext {
  /** A {@link Reader} also tells of the certificates that its connections depend on. */
  readonly db: OwnersQueryable & Partial<Pick<Reader, 'certificates'>>
  readonly identity: ServerIdentity
  /** Schema of Holdfast's own tables. */
  readonly schema: string
  /** The user's migrations; undefined where nobody said where they are. */
  readonly migrations: MigrateTarget | undefined
  /** The most connections that one process of this configuration may open. */
  readonly connectionLimit: number
  /** The running pool, where there is one. */
  readonly pool?: PoolStats | undefined
  /** What was kept of the past; undefined where nothing was. */
  readonly history?: HistoryStore | undefined
  /** From where on something is a problem, where that is for its users to say. */
  readonly limits?: Limits | undefined
  /** What time it is; default the machine's own clock. */
  readonly clock?: Clock | undefined
}

/** From where on something is a problem. */
export interface Limits {
  /** Mean time of a statement from which on it is slow. */
  readonly slowStatementMs: number
  /** Shares of blocks found in memory, from which on that is good, fair, or poor below it. */
  readonly cacheHitPercent: { readonly excellent: number; readonly good: number; readonly fair: number }
  /** How old the newest base backup may be. */
  readonly backupMaxAgeHours: number
  /** Bytes that the database may take; undefined where nobody said. */
  readonly diskBytes?: number | undefined
}

/** As operators usually have them. */
export const DEFAULT_LIMITS: Limits = {
  slowStatementMs: 1_000,
  cacheHitPercent: { excellent: 98, good: 94, fair: 90 },
  backupMaxAgeHours: 192,
}

/** What a finding is about, for whoever groups them. */
export type Category =
  | 'availability'
  | 'locks'
  | 'statements'
  | 'indexes'
  | 'storage'
  | 'replication'
  | 'configuration'
  | 'security'
  | 'schema'

/** One diagnosis. */
export interface Check {
  readonly id: string
  readonly category: Category
  /** What it means when nothing is found, for the report. */
  readonly good: string
  /** What becomes of whoever leaves it. */
  readonly why: string
  /** `production`: of no matter for a developer's own database. `deep`: reads tables. Default: always done. */
  readonly scope?: 'production' | 'deep'
  /** Null: it could not be checked, and another finding says why, or it does not apply. */
  readonly run: (context: CheckContext) => Promise<Found[] | null>
}
