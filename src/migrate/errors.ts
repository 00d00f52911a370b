import { HoldfastError, messageOf } from '../core/index.ts'

export function folderInvalid(path: string, reason: string, next: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_FOLDER',
    message: `${path}: ${reason}. ${next}`,
    details: { path, reason },
  })
}

export function directiveInvalid(path: string, directive: string, reason: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_DIRECTIVE',
    message: `${path}: the directive "${directive}" ${reason}. Remove or correct the line; nothing was run.`,
    details: { path, directive },
  })
}

export function syntaxInvalid(path: string, line: number, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_SYNTAX',
    message: `${path}:${line}: PostgreSQL's parser says: ${messageOf(cause)}. Nothing was run.`,
    cause,
    details: { path, line },
  })
}

export function transactionCommand(path: string, line: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_TRANSACTION_COMMAND',
    message:
      `${path}:${line}: BEGIN, COMMIT and ROLLBACK have no place in a migration: each runs in one transaction ` +
      'together with its history row. Remove the command; nothing was run.',
    details: { path, line },
  })
}

export function checksumChanged(changed: readonly { id: string; appliedAt: Date }[]): HoldfastError {
  const [first] = changed
  return new HoldfastError({
    code: 'HF_MIGRATE_CHECKSUM',
    message:
      `${changed.length} migration(s) changed after they ran: ${changed.map(({ id }) => id).join(', ')} ` +
      `(first run ${first?.appliedAt.toISOString()}). Restore the file as it ran and put the change into a new migration.`,
    details: { ids: changed.map(({ id }) => id) },
  })
}

export function outOfOrder(ids: readonly string[], lastApplied: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_OUT_OF_ORDER',
    message:
      `${ids.join(', ')} is older than ${lastApplied}, which has run already. In production this needs consent: ` +
      'check that the two do not touch the same object, then run again with --allow-out-of-order.',
    details: { ids, lastApplied },
  })
}

export function runnerBusy(waitedMs: number, holder: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_LOCK_HELD',
    message: `Another process runs migrations (${holder}); waited ${waitedMs} ms. Try again when it has finished.`,
    retryable: true,
    details: { holder, waitedMs },
  })
}

export function lockTimeout(id: string, line: number, attempts: number, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_LOCK_TIMEOUT',
    message:
      `${id}: the statement on line ${line} did not get its lock in ${attempts} attempt(s) ` +
      `(${messageOf(cause)}). Nothing of it was applied; find the long transaction that is in the way, or try at a quieter hour.`,
    cause,
    retryable: true,
    details: { id, line, attempts },
  })
}

export function statementFailed(id: string, line: number, cause: unknown, hint: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_FAILED',
    message: `${id}: the statement on line ${line} failed: ${messageOf(cause)}. Nothing of this migration was applied.${hint}`,
    cause,
    details: { id, line },
  })
}

export function commitUnknown(id: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_COMMIT_UNKNOWN',
    message:
      `${id}: the connection was lost while it was being committed, so it is applied in whole or not at all. ` +
      'Run "holdfast migrate status": the history tells which; then go on with "holdfast migrate up".',
    cause,
    details: { id },
  })
}

export function unknownTarget(id: string, known: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_UNKNOWN_ID',
    message: `There is no migration "${id}". The last ones are: ${known.slice(-3).join(', ') || 'none'}.`,
    details: { id },
  })
}

export function schemaMissing(schema: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_SCHEMA_MISSING',
    message: `The database has no Holdfast schema ("${schema}") yet. Run "holdfast init" first.`,
    details: { schema },
  })
}

export function schemaNotOurs(schema: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_SCHEMA_FOREIGN',
    message:
      `The database has a schema "${schema}" that Holdfast did not make. Choose another name with HOLDFAST_SCHEMA; ` +
      'nothing was changed.',
    details: { schema },
  })
}

export function notAllowed(what: string, grant: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_NOT_ALLOWED',
    message: `${what}: ${messageOf(cause)}. Have it granted: ${grant}`,
    cause,
    details: { grant },
  })
}

export function searchPathHitsOurs(schema: string, role: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_SEARCH_PATH',
    message:
      `Tables without a schema would be made in Holdfast's own schema "${schema}", because it comes first in the search ` +
      `path of the role "${role}". Use another role, or run: ALTER ROLE "${role}" SET search_path = public; Nothing was run.`,
    details: { schema, role },
  })
}
