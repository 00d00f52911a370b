import { custom, integer } from '../core/index.ts'

const DAY_MS = 86_400_000
/** Characters: base64 of 24 random bytes. */
export const SHORTEST_SECRET = 32

/** Options of the query layer as it is assembled. */
export const QUERY_OPTIONS = {
  cursorKeys: custom<readonly string[]>({
    doc: 'Secrets that seal the cursors of keyset pages, separated by commas: the first seals, all open. Without one, outside production, cursors end with the process.',
    default: Object.freeze([]),
    env: 'HOLDFAST_CURSOR_KEYS',
    accepts: `a list of secrets of at least ${SHORTEST_SECRET} characters each (openssl rand -base64 32)`,
    isSecret: true,
    parse(input) {
      const keys = typeof input === 'string' ? input.split(',').map((key) => key.trim()) : input
      const fits =
        Array.isArray(keys) && keys.every((key) => typeof key === 'string' && key.length >= SHORTEST_SECRET)
      return fits ? Object.freeze([...(keys as string[])]) : undefined
    },
    mask: (keys) => (keys.length === 0 ? '' : `${keys.length} secret(s)`),
  }),
  logTimingsAboveMs: integer({
    doc: 'What `time` and `timed` measure is logged from this duration on; 0 logs all of it.',
    default: 0,
    min: 0,
    max: DAY_MS,
    env: 'HOLDFAST_LOG_TIMINGS_ABOVE_MS',
  }),
} as const
