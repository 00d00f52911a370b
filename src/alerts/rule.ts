import type { Severity } from '../monitor/index.ts'

/** How bad an alert is: the severities of findings that are problems. */
export type AlertSeverity = Exclude<Severity, 'info'>

/** From where on it is how bad; at least one of them. */
export interface Thresholds {
  readonly warning?: number
  readonly error?: number
}

/**
 * When to tell somebody. Exactly one of `above`, `below`, `growsBy`, `absent` says what is wrong.
 *
 * @example
 * { name: 'long_transaction', metric: 'longest_transaction_seconds', above: { warning: 600 }, forMs: 60_000 }
 * @example
 * { name: 'grows_fast', metric: 'database_bytes', growsBy: { warning: 5e9, withinMs: 86_400_000 } }
 */
export interface AlertRule {
  /** Lower-case letters, digits and _. One of a built-in rule's name takes its place. */
  readonly name: string
  /** A name of {@link METRICS} or {@link PROCESS_METRICS}. Those of a process are watched in each process. */
  readonly metric: string
  /** The value is greater. */
  readonly above?: Thresholds
  /** The value is less. */
  readonly below?: Thresholds
  /** The value is greater by more than that than it was `withinMs` ago. */
  readonly growsBy?: Thresholds & { readonly withinMs: number }
  /** There is no value for that long. */
  readonly absent?: { readonly afterMs: number; readonly severity?: AlertSeverity }
  /** For how long it has to be so. Default 0: at once. */
  readonly forMs?: number
  /** For how long it has to be over. Default 60 s, so that what comes and goes is one alert. */
  readonly clearMs?: number
  /** What it means for those who use the database. */
  readonly message?: string
  /** What to do. */
  readonly action?: string
}

const MINUTE_MS = 60_000
/** Longer is nobody's alert: a forecast tells of it. */
const LONGEST_MS = 7 * 86_400_000
const NAME = /^[a-z][a-z0-9_]{0,62}$/
const KINDS = ['above', 'below', 'growsBy', 'absent'] as const
const FIELDS = new Set(['name', 'metric', 'forMs', 'clearMs', 'message', 'action', ...KINDS])

const isObject = (input: unknown): input is Record<string, unknown> =>
  typeof input === 'object' && input !== null && !Array.isArray(input)
const isLength = (input: unknown, least = 0): boolean =>
  input === undefined || (Number.isInteger(input) && Number(input) >= least && Number(input) <= LONGEST_MS)
const isText = (input: unknown): boolean => input === undefined || (typeof input === 'string' && input !== '')

/** Why it is no rule; undefined where it is one. Whether its metric exists is not looked at. */
export function faultOfRule(input: unknown): string | undefined {
  if (!isObject(input)) return 'it is not an object'
  const { name, metric, forMs, clearMs, message, action } = input
  if (typeof name !== 'string' || !NAME.test(name))
    return 'its name is not lower-case letters, digits and _, a letter first'
  const stray = Object.keys(input).find((field) => !FIELDS.has(field))
  if (stray !== undefined) return `it has no field "${stray}"`
  if (typeof metric !== 'string' || metric === '') return 'it names no metric'
  if (!isLength(forMs) || !isLength(clearMs))
    return 'forMs and clearMs are whole milliseconds, at most a week'
  if (!isText(message) || !isText(action)) return 'message and action are text'
  const kinds = KINDS.filter((kind) => input[kind] !== undefined)
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) return `it has exactly one of ${KINDS.join(', ')}`
  return kind === 'absent' ? faultOfAbsence(input.absent) : faultOfThresholds(kind, input)
}

function faultOfAbsence(absent: unknown): string | undefined {
  if (!isObject(absent) || absent.afterMs === undefined || !isLength(absent.afterMs, 1_000))
    return 'absent.afterMs is a second to a week in whole milliseconds'
  const { severity = 'error' } = absent
  return severity === 'error' || severity === 'warning'
    ? undefined
    : 'absent.severity is neither error nor warning'
}

function faultOfThresholds(
  kind: 'above' | 'below' | 'growsBy',
  input: Record<string, unknown>,
): string | undefined {
  const given = input[kind]
  if (!isObject(given)) return `${kind} is not an object like { warning: 80, error: 90 }`
  const { warning, error, withinMs } = given
  if (warning === undefined && error === undefined) return `${kind} names neither warning nor error`
  if ([warning, error].some((one) => one !== undefined && !Number.isFinite(one)))
    return `${kind}: warning and error are numbers`
  if (kind === 'growsBy' && (withinMs === undefined || !isLength(withinMs, MINUTE_MS)))
    return 'growsBy.withinMs is a minute to a week in whole milliseconds'
  if (warning === undefined || error === undefined) return undefined
  const isOrdered = kind === 'below' ? Number(error) <= Number(warning) : Number(error) >= Number(warning)
  return isOrdered ? undefined : `${kind}: error is reached before warning`
}
