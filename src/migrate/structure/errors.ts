import { HoldfastError, messageOf } from '../../core/index.ts'

export function scriptFailed(path: string, line: number, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_STRUCTURE_SCRIPT',
    message: `${path}:${line}: ${messageOf(cause)}. The structure that it says could not be built on a scratch database.`,
    cause,
    details: { path, line },
  })
}

export function fileMissing(path: string, next: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_STRUCTURE_FILE',
    message: `${path} could not be read. ${next}`,
    details: { path },
  })
}

export function renameQuestion(
  renames: readonly { kind: string; from: string; to: string }[],
): HoldfastError {
  const words = renames.map(({ kind, from, to }) => `${kind} ${from} is gone and ${to} is new`)
  return new HoldfastError({
    code: 'HF_GENERATE_RENAME',
    message:
      `${words.join('; ')}. Were they renamed? Say so for each: ` +
      `${renames.map(({ from, to }) => `--rename ${from}=${to}`).join(' ')}, or --no-renames to drop and make them anew, with what is in them.`,
    details: { renames },
  })
}

export function renameUnknown(from: string, to: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_GENERATE_RENAME_UNKNOWN',
    message: `--rename ${from}=${to}: there is no such table or column in what the migrations build, or it is still wanted under its old name.`,
    details: { from, to },
  })
}

export function changeUnsupported(reasons: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_GENERATE_UNSUPPORTED',
    message: `No statement says this change: ${reasons.join('; ')}. Write the migration by hand; "holdfast migrate new" begins one. Nothing was written.`,
    details: { reasons },
  })
}

export function changeUnproven(stage: string, differences: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_GENERATE_UNPROVEN',
    message: `The statements that were worked out do not lead to the structure that is wanted (${stage}): ${differences.slice(0, 5).join('; ')}. Nothing was written; please report this.`,
    details: { stage, differences: differences.slice(0, 50) },
  })
}

export function squashLosesRows(statements: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_SQUASH_ROWS',
    message:
      `The squashed migration says the structure only, and these are about rows or roles: ${statements.slice(0, 5).join('; ')}. ` +
      'A new database would miss them: with --leave-rows-out it is done all the same. Nothing was changed.',
    details: { statements: statements.slice(0, 100) },
  })
}

export function nothingToSquash(): HoldfastError {
  return new HoldfastError({
    code: 'HF_SQUASH_NOTHING',
    message: 'There are not two migrations to squash. Nothing was changed.',
  })
}

export function baselineNotFirst(directory: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_BASELINE_NOT_FIRST',
    message: `${directory} holds migrations already: a baseline is the first one. Nothing was changed.`,
    details: { directory },
  })
}

export function migrationsUnbuildable(cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_STRUCTURE_BUILD',
    message: `The migrations that ran here do not build a new database; on a scratch database: ${messageOf(cause)}`,
    cause,
  })
}
