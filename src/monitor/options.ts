import { custom, flag, integer, isDatabaseUrl, maskUrl, type OptionValues } from '../core/index.ts'

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
  intervalMs: integer({
    doc: 'How often counters and statements are looked at.',
    default: 60_000,
    min: 10_000,
    max: 600_000,
    env: 'HOLDFAST_MONITOR_INTERVAL_MS',
  }),
} as const

export type MonitorOptions = OptionValues<typeof MONITOR_OPTIONS>
