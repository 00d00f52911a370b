import { HoldfastError, messageOf, moduleHint } from './core/index.ts'

export function databaseUrlMissing(): HoldfastError {
  return new HoldfastError({
    code: 'HF_CONFIG_DATABASE_URL_MISSING',
    message:
      'There is no DATABASE_URL, and in production Holdfast never starts a database of its own. ' +
      'Set DATABASE_URL to postgresql://user:password@host:5432/database.',
  })
}

export function configFileUnreadable(path: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_CONFIG_FILE',
    message: `The configuration file ${path} cannot be read: ${messageOf(cause)}. ${moduleHint(path, cause) || 'Correct or remove it.'}`,
    cause,
    details: { path },
  })
}

export function groupNotAnObject(option: string, source: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `"${option}" (${source}) must be an object of options.`,
    details: { option, source },
  })
}

export function budgetTooSmall(budget: number, claimed: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `database.connectionBudget is ${budget}, and the sizes of the pools together are ${claimed}. Raise the budget or lower the sizes.`,
    details: { budget, claimed },
  })
}

export function cursorKeysMissing(): HoldfastError {
  return new HoldfastError({
    code: 'HF_CONFIG_CURSOR_KEYS_MISSING',
    message:
      'Cursors of keyset pages need a key in production, the same one in every process. Set HOLDFAST_CURSOR_KEYS to what `openssl rand -base64 32` prints.',
  })
}

export function historyUnreachable(cause: HoldfastError): HoldfastError {
  return new HoldfastError({
    code: 'HF_MONITOR_HISTORY_UNREACHABLE',
    message: `The history cannot be reached where monitor.historyUrl (HOLDFAST_MONITOR_HISTORY_URL) says. ${cause.message}`,
    retryable: true,
    cause,
  })
}
