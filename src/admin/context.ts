import type { AccessTarget } from '../access/index.ts'
import type { Alerts } from '../alerts/index.ts'
import type { Clock, Recorder } from '../core/index.ts'
import type { AccessLog } from './access-log.ts'
import type { MigrateTarget, RunOptions } from '../migrate/index.ts'
import type { Collector, Limits, Reader, StatementFeed } from '../monitor/index.ts'
import type { PartitionTarget } from '../partitions/index.ts'
import type { Pool } from '../pool/index.ts'
import { actorOf, type ConsoleSessions, type Identity } from './console-sessions.ts'
import type { ConsoleShell } from './console-shell.ts'
import { migrationsUnknown, partitionsUnknown } from './errors.ts'
import type { Gate } from './gate.ts'
import type { LivePicture } from './live.ts'
import type { LongWorks } from './long-work.ts'
import type { Readings } from './readings.ts'

/** An option, and who decided it. */
export interface ConfigurationEntry {
  readonly name: string
  /** Secrets are masked. */
  readonly value: unknown
  readonly source: string
  readonly env: readonly string[]
}

/** What the routes work on. */
export interface AdminContext {
  readonly pool: Pool
  /** All pools of the process, that one first. */
  readonly pools: readonly Pool[]
  /** What is looked at goes through this, not through the pool. */
  readonly reader: Reader
  /** Of the statements of that database. */
  readonly feed: StatementFeed
  /** What keeps the history; undefined where this process does not. */
  readonly collector: Collector | undefined
  /** What tells somebody; undefined where this process does not. */
  readonly alerts: Alerts | undefined
  /** From where on something is a problem. Default: as operators usually have them. */
  readonly limits: Limits | undefined
  /** Schema of Holdfast's own tables. */
  readonly schema: string
  /** The user's migrations; undefined where nobody said where they are. */
  readonly migrations: MigrateTarget | undefined
  /** How they are run from here. */
  readonly migrateOptions: RunOptions
  /** Who is to have which rights; undefined where nobody said. */
  readonly access: AccessTarget | undefined
  /** Where partitions are kept; undefined where nobody said. */
  readonly partitions: PartitionTarget | undefined
  /** Where works are remembered that are not done without; see {@link recorderOf}. */
  readonly recorder: Recorder
  readonly works: LongWorks
  readonly sessions: ConsoleSessions
  /** Who got in and what they changed. */
  readonly accessLog: AccessLog
  /** To connections beside the pool. */
  readonly gate: Gate
  readonly live: LivePicture
  /** Of the database, shared by all who ask. */
  readonly readings: Readings
  /** The console's page. */
  readonly shell: ConsoleShell
  readonly clock: Clock
  /** Options of this process and who decided each. */
  readonly configuration: readonly ConfigurationEntry[]
  readonly startedAt: number
  /** A proxy that ends HTTPS stands in front: nobody signs in without. */
  readonly isBehindProxy: boolean
  /** True from the moment on when a shutdown was asked for. */
  isDraining: boolean
}

/** @throws HF_ADMIN_MIGRATIONS_UNKNOWN */
export function migrationsOf({ migrations }: AdminContext): MigrateTarget {
  if (migrations === undefined) throw migrationsUnknown()
  return migrations
}

/** @throws HF_ADMIN_PARTITIONS_UNKNOWN */
export function partitionsOf({ partitions }: AdminContext): PartitionTarget {
  if (partitions === undefined) throw partitionsUnknown()
  return partitions
}

/** Remembers a work in the name of whoever asked for it, before it is done. What only answers is {@link AccessLog.recorderOf}'s. */
export function recorderOf(
  { recorder }: Pick<AdminContext, 'recorder'>,
  { identity }: { identity: Identity | null },
): Recorder {
  return {
    record: (operation) =>
      recorder.record({
        ...operation,
        ...(identity && {
          actor: actorOf(identity),
          details: { ...operation.details, session: identity.id },
        }),
      }),
  }
}
