import { HoldfastError, messageOf } from '../../core/index.ts'

export function backfillInvalid(path: string, fault: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_BACKFILL_INVALID',
    message: `${path}: ${fault}. Correct the file; nothing of it was run.`,
    details: { path },
  })
}

export function backfillBusy(id: string, worker: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_BACKFILL_BUSY',
    message: `The backfill of ${id} is run by somebody else just now (${worker}). Watch it: holdfast backfill status.`,
    retryable: true,
    details: { id, worker },
  })
}

export function backfillPaused(id: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_BACKFILL_PAUSED',
    message: `The backfill of ${id} is paused. Let it go on: holdfast backfill resume ${id}, then holdfast backfill run.`,
    details: { id },
  })
}

export function backfillUnknown(id: string, known: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_BACKFILL_UNKNOWN',
    message: `There is no backfill of "${id}" here. Those that are: ${known.slice(-3).join(', ') || 'none'}.`,
    details: { id },
  })
}

export function backfillFailed(id: string, position: string | null, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_BACKFILL_FAILED',
    message:
      `The backfill of ${id} failed behind key ${position ?? '(none yet)'}: ${messageOf(cause)}. What was done stays; correct ` +
      'backfill.ts or the rows, then: holdfast backfill run.',
    cause,
    details: { id, position },
  })
}
