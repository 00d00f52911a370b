import type { Limits } from './finding.ts'
import { custom, flag, integer, isDatabaseUrl, maskUrl, type OptionValues } from '../core/index.ts'

/** Falling, from 0 to 100. */
function parseShares(input: unknown): readonly [number, number, number] | undefined {
  const parts = typeof input === 'string' ? input.split(',').map(Number) : input
  if (!Array.isArray(parts) || parts.length !== 3) return undefined
  const [excellent, good, fair] = parts as [number, number, number]
  const isRight = parts.every((one) => Number.isFinite(one)) && fair >= 0 && fair < good && good < excellent
  return isRight && excellent <= 100 ? Object.freeze([excellent, good, fair] as const) : undefined
}

/** Options of monitoring. */
export const MONITOR_OPTIONS = {
  history: flag({
    doc: 'Whether "holdfast serve" keeps what it sees in Holdfast\'s schema: a minute for a day, ten minutes for two weeks, an hour for a year.',
    default: true,
    env: 'HOLDFAST_MONITOR_HISTORY',
  }),
  historyUrl: custom<string | undefined>({
    doc: "Another database that keeps the history; it has Holdfast's schema, too. Default: the database that is looked at.",
    default: undefined,
    env: 'HOLDFAST_MONITOR_HISTORY_URL',
    accepts: 'a URL like postgresql://user:password@host:5432/database',
    isSecret: true,
    parse: (input) => (typeof input === 'string' && isDatabaseUrl(input.trim()) ? input.trim() : undefined),
    mask: (url) => maskUrl(url ?? ''),
  }),
  slowStatementMs: integer({
    doc: 'Mean time of a statement from which on it counts as slow.',
    default: 1_000,
    min: 1,
    max: 3_600_000,
    env: 'HOLDFAST_MONITOR_SLOW_STATEMENT_MS',
  }),
  cacheHitPercent: custom<readonly [excellent: number, good: number, fair: number]>({
    doc: 'Shares of blocks found in shared buffers from which on that is excellent, good and fair; below it is poor.',
    default: [98, 94, 90],
    env: 'HOLDFAST_MONITOR_CACHE_HIT_PERCENT',
    accepts: 'three percentages, the greatest first: 98,94,90',
    parse: parseShares,
  }),
  backupMaxAgeHours: integer({
    doc: 'How old the newest base backup may be, of a server that archives its log: the default is a weekly one that is a day late.',
    default: 192,
    min: 1,
    max: 87_600,
    env: 'HOLDFAST_MONITOR_BACKUP_MAX_AGE_HOURS',
  }),
  diskBytes: integer({
    doc: 'Bytes that the database may take: what its disk has. PostgreSQL does not say; without it nobody is told when it will be full.',
    default: undefined,
    min: 1_000_000,
    max: Number.MAX_SAFE_INTEGER,
    env: 'HOLDFAST_MONITOR_DISK_BYTES',
  }),
  intervalMs: integer({
    doc: 'How often counters and statements are looked at.',
    default: 60_000,
    min: 10_000,
    max: 600_000,
    env: 'HOLDFAST_MONITOR_INTERVAL_MS',
  }),
} as const

export type MonitorOptions = OptionValues<typeof MONITOR_OPTIONS>

/** The limits that the options name. */
export function limitsFrom({
  slowStatementMs,
  cacheHitPercent,
  backupMaxAgeHours,
  diskBytes,
}: MonitorOptions): Limits {
  const [excellent, good, fair] = cacheHitPercent
  return { slowStatementMs, cacheHitPercent: { excellent, good, fair }, backupMaxAgeHours, diskBytes }
}
