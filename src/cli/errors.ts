import { HoldfastError } from '../core/index.ts'

export function passwordInFlag(): HoldfastError {
  return new HoldfastError({
    code: 'HF_CLI_PASSWORD_IN_FLAG',
    message:
      'A password in --database-url can be read by everyone on this machine (in the process list). Put the URL into ' +
      'DATABASE_URL or a file (--database-url-file), or leave the password to PGPASSWORD or ~/.pgpass.',
  })
}

export function usage(message: string): HoldfastError {
  return new HoldfastError({ code: 'HF_CLI_USAGE', message })
}

export function confirmationMissing(name: string, given?: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_CLI_CONFIRMATION',
    message: `Nothing was done: this cannot be undone, and ${given === undefined ? 'was not confirmed' : `"${given}" is not its name`}. Confirm it with --confirm=${name}, or see first with --dry-run.`,
    details: { name },
  })
}

/** @param instead the flag that confirms it */
export function unconfirmed(instead: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_CLI_CONFIRMATION',
    message: `Nothing was done: it was not confirmed. Confirm it with ${instead}.`,
  })
}

export function serverUnreachable(url: string, reason: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_CLI_SERVER_UNREACHABLE',
    message: `No Holdfast server answers at ${url} (${reason}). Start one with "holdfast serve"; a service that has Holdfast mounted is asked with --server and HOLDFAST_SERVER_TOKEN.`,
    retryable: true,
    details: { url },
  })
}

export function generatorMissing(cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_CLI_PACKAGE_MISSING',
    message:
      'Writing types needs the package kysely-codegen, which is not installed here. Run "npm install --save-dev kysely-codegen".',
    cause,
  })
}

export function generatorFailed(exitCode: number | null, words: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_CLI_TYPES_FAILED',
    message: `kysely-codegen ended with ${exitCode ?? 'a signal'}: ${words.slice(-1_000) || 'it said nothing'}. Nothing was written.`,
  })
}

export function typesOutdated([file, ...passedOn]: readonly string[]): HoldfastError {
  const options = passedOn.length === 0 ? '' : ` -- ${passedOn.join(' ')}`
  return new HoldfastError({
    code: 'HF_CLI_TYPES_OUTDATED',
    message: `${file} is not what the database says. Run "holdfast schema types --out ${file}${options}" and commit the result.`,
  })
}

export function downInProduction(): HoldfastError {
  return new HoldfastError({
    code: 'HF_CLI_DOWN_IN_PRODUCTION',
    message:
      'In production nothing is taken back by "migrate down", which does not look at what is lost. Use: holdfast rollback plan.',
  })
}
