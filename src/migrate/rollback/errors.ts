import { HoldfastError } from '../../core/index.ts'

export function rollbackBlocked(reasons: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_ROLLBACK_BLOCKED',
    message: `This way back is blocked: ${reasons.join('; ')}. Nothing was run. Remove what is in the way, or write a migration that undoes the change.`,
    details: { reasons },
  })
}

export function rollbackChanged(given: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ROLLBACK_CHANGED',
    message: `The plan ${given} is not what would be run now: other migrations, scripts, objects, locks, or another verdict. Nothing was run; look again: holdfast rollback plan.`,
    details: { given },
  })
}

export function rollbackMoreRows(rows: number, limit: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_ROLLBACK_MORE_ROWS',
    message: `${rows} rows or values would be lost, more than the ${limit} that the plan allows. Nothing was run; look again: holdfast rollback plan.`,
    details: { rows, limit },
  })
}
