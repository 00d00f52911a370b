import { type ErrorCode, isHoldfastError } from '../core/index.ts'

/** How the command line ends. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** A check found problems. */
  findings: 3,
  /** Cannot connect or authenticate. */
  connection: 4,
  /** Confirmation missing or refused. */
  confirmation: 5,
  /** A lock is held by somebody else, or a time limit was reached. */
  locked: 6,
  interrupted: 130,
  terminated: 143,
} as const

const BY_CODE: readonly (readonly [RegExp, number])[] = [
  [/^HF_CONNECT_/, EXIT.connection],
  [/^HF_(OPTION|CONFIG|CLI_USAGE)/, EXIT.usage],
  [/^HF_CLI_PASSWORD_IN_FLAG$/, EXIT.usage],
  [/^HF_ALERT_(RULE_INVALID|METRIC_UNKNOWN|EMAIL)$/, EXIT.usage],
  [/^HF_CLI_PACKAGE_MISSING$/, EXIT.usage],
  [/^HF_CLI_TYPES_OUTDATED$/, EXIT.findings],
  [/^HF_CLI_SERVER_UNREACHABLE$/, EXIT.connection],
  [/^HF_ADMIN_(UNAUTHENTICATED|FORBIDDEN)$/, EXIT.connection],
  [/^HF_CLI_(CONFIRMATION|DOWN_IN_PRODUCTION)$/, EXIT.confirmation],
  [/^HF_MIGRATE_LOCK_(HELD|TIMEOUT)$/, EXIT.locked],
  [/^HF_ROLLBACK_/, EXIT.confirmation],
  [/^HF_BACKFILL_(BUSY|PAUSED)$/, EXIT.locked],
  [/^HF_PARTITION_EVERY$/, EXIT.usage],
  [/^HF_PARTITION_(LOCK_TIMEOUT|BUSY)$/, EXIT.locked],
  [/^HF_PARTITION_PLAN_CHANGED$/, EXIT.confirmation],
  [/^HF_PARTITION_BLOCKED$/, EXIT.findings],
  [/^HF_ACCESS_MODEL$/, EXIT.usage],
  [/^HF_ACCESS_(WIDENS|PLAN_CHANGED|BLOCKED)$/, EXIT.confirmation],
  [/^HF_ACCESS_(BUSY|LOCK_TIMEOUT)$/, EXIT.locked],
  [/^HF_EMBEDDED_DATA_IN_USE$/, EXIT.locked],
  [/^HF_POOL_ACQUIRE_TIMEOUT$/, EXIT.locked],
  [/^HF_MONITOR_HISTORY_UNREACHABLE$/, EXIT.connection],
]

/** The exit code of a command that failed with this. */
export function exitCodeOf(error: unknown): number {
  if (!isHoldfastError(error)) return EXIT.failure
  return exitCodeFor(error.code)
}

export function exitCodeFor(code: ErrorCode): number {
  return BY_CODE.find(([pattern]) => pattern.test(code))?.[1] ?? EXIT.failure
}
