/** The mark that lets two copies of the package recognise each other's errors. */
const BRAND: unique symbol = Symbol.for('holdfast.error') as never

/** A stable identifier of one kind of failure. Each has a page under `docs/errors`; codes are never reused. */
export type ErrorCode = `HF_${string}`

/** What an error is made of. */
export interface HoldfastErrorInit {
  readonly code: ErrorCode
  /** What happened, the observed values, and the next action. Never a secret. */
  readonly message: string
  readonly cause?: unknown
  /** True when the same call may succeed later without any change by the caller. Default false. */
  readonly retryable?: boolean
  /** The HTTP status of an answer, where whoever asked is at fault. Fastify and NestJS answer with it by themselves. */
  readonly statusCode?: number
  /** The observed values, for programs. Never a secret. */
  readonly details?: Readonly<Record<string, unknown>>
}

/**
 * The one error class of Holdfast. Decide by `code`; recognise with {@link isHoldfastError}, which also
 * works when two copies of the package are loaded.
 *
 * @example
 * try { await pool.connect() } catch (error) {
 *   if (isHoldfastError(error) && error.code === 'HF_POOL_ACQUIRE_TIMEOUT') console.error(error.details)
 * }
 */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError'
  readonly code: ErrorCode
  readonly retryable: boolean
  /** Where whoever asked is at fault: the HTTP status of an answer. */
  declare readonly statusCode?: number
  readonly details: Readonly<Record<string, unknown>>
  readonly [BRAND] = true

  constructor(init: HoldfastErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause })
    this.code = init.code
    this.retryable = init.retryable ?? false
    if (init.statusCode !== undefined) this.statusCode = init.statusCode
    this.details = Object.freeze({ ...init.details })
  }

  toJSON(): {
    code: ErrorCode
    message: string
    retryable: boolean
    details: Readonly<Record<string, unknown>>
  } {
    return { code: this.code, message: this.message, retryable: this.retryable, details: this.details }
  }
}

/** True for a {@link HoldfastError}, also one made by another copy of the package. */
export function isHoldfastError(value: unknown): value is HoldfastError {
  return typeof value === 'object' && value !== null && (value as { [BRAND]?: unknown })[BRAND] === true
}

/** The text of anything that was thrown, for a message that names its cause. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === '')
    return thrown.errors.map(messageOf).join('; ')
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** A background resource did not close cleanly. */
export function closeFailed(failures: readonly { name: string; cause: unknown }[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_CLOSE_FAILED',
    message:
      `${failures.length} part(s) did not close cleanly: ` +
      failures.map(({ name, cause }) => `${name} (${messageOf(cause)})`).join(', ') +
      '. Everything else was closed; look at the named parts.',
    cause: new AggregateError(failures.map(({ cause }) => cause)),
    details: { parts: failures.map(({ name }) => name) },
  })
}

/** @param reason without anything secret of the URL */
export function databaseUrlInvalid(reason: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_CONNECT_URL_INVALID',
    message: `The database URL cannot be read: ${reason}. Write it as postgresql://user:password@host:5432/database, special characters percent-encoded; several hosts with commas between them.`,
  })
}

/** An option has a name that nobody reads. */
export function unknownOption(
  path: string,
  source: string,
  known: readonly string[],
  suggestion?: string,
): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_UNKNOWN',
    message:
      `Unknown option "${path}" (${source}). ` +
      (suggestion === undefined ? `Known here: ${known.join(', ')}.` : `Did you mean "${suggestion}"?`),
    details: { option: path, source, known, suggestion },
  })
}

/** An option has a value outside its range. `shown` must already be masked when the option is a secret. */
export function invalidOption(path: string, source: string, shown: string, accepts: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `Option "${path}" (${source}) is ${shown}; it must be ${accepts}. Correct it and start again.`,
    details: { option: path, source, accepts },
  })
}

/** Code of a role has altered the function that keeps its rights apart from the session's. */
/** @param why whose it is, and who else has a hand in it */
export function tableOwners(table: string, why: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_TABLE_OWNERS',
    message: `${table} ${why}: code of one role would run with the rights of another. Nothing was done; give them one owner (ALTER ... OWNER TO).`,
    details: { table },
  })
}

export function confinementOpen(role: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_CONFINEMENT_OPEN',
    message: `The role ${role} may use other sessions' temporary schemas, as members of pg_read_all_data may, and could change the function by which statements run with its rights alone. Nothing was run; take that right from ${role}, or give the table to another role.`,
    details: { role },
  })
}

export function confinementChanged(role: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_CONFINEMENT_CHANGED',
    message: `Code of the role ${role}, set off by a statement, altered the function by which statements run with the rights of ${role} alone. No further statement was run. Inspect the triggers, checks and functions of ${role}.`,
    details: { role },
  })
}
