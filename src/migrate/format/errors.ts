import { HoldfastError, messageOf, moduleHint } from '../../core/index.ts'

export function folderInvalid(path: string, reason: string, next: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_FOLDER',
    message: `${path}: ${reason}. ${next}`,
    details: { path, reason },
  })
}

export function duplicateTime(directory: string, first: string, second: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_DUPLICATE_ID',
    message:
      `${directory}: ${first} and ${second} bear the same time, so nothing says which runs first. ` +
      'Rename the one that has not run anywhere yet; nothing was run.',
    details: { first, second },
  })
}

export function directiveInvalid(
  path: string,
  line: number,
  directive: string,
  reason: string,
): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_DIRECTIVE',
    message: `${path}:${line}: the directive "${directive}" ${reason}. Remove or correct the line; nothing was run.`,
    details: { path, line, directive },
  })
}

export function fileNotText(path: string, line: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_ENCODING',
    message: `${path}:${line}: is not UTF-8. Save the file as UTF-8; nothing was run.`,
    details: { path, line },
  })
}

/** @param at index of the string where the parser stopped */
export function syntaxInvalid(path: string, sql: string, at: number, cause: unknown): HoldfastError {
  const before = sql.slice(0, at)
  const line = before.split('\n').length
  const column = Array.from(before.slice(before.lastIndexOf('\n') + 1)).length + 1
  const end = sql.indexOf('\n', at)
  const whole = sql.slice(before.lastIndexOf('\n') + 1, end < 0 ? sql.length : end)
  // A line of a generated file may be megabytes long: the part around the mark is what helps.
  const from = Math.max(0, column - 60)
  const excerpt = Array.from(whole)
    .slice(from, from + 100)
    .join('')
    .replaceAll('\t', ' ')
  return new HoldfastError({
    code: 'HF_MIGRATE_SYNTAX',
    message:
      `${path}:${line}:${column}: PostgreSQL's parser says: ${messageOf(cause)}. Nothing was run.\n` +
      `  ${excerpt}\n  ${' '.repeat(column - 1 - from)}^`,
    cause,
    details: { path, line, column },
  })
}

export function transactionCommand(path: string, line: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_TRANSACTION_COMMAND',
    message:
      `${path}:${line}: BEGIN, COMMIT and ROLLBACK have no place in a migration: each runs in one transaction ` +
      'together with its history row, or with "-- holdfast: transaction=off" in none. Remove the command.',
    details: { path, line },
  })
}

export function moduleInvalid(path: string, fault: string, cause: unknown): HoldfastError {
  const why = cause === undefined ? '' : `: ${messageOf(cause)}`
  return new HoldfastError({
    code: 'HF_MIGRATE_MODULE',
    message: `${path} ${fault}${why}. ${moduleHint(path, cause) || 'Correct the file.'} Nothing of it was run.`,
    cause,
    details: { path },
  })
}
