import { HoldfastError } from '../core/index.ts'

export function readingBusy(reason: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_MONITOR_BUSY',
    message: `The database answers, but this could not be read: ${reason}. It was given up so that nobody waits for it; try again.`,
    retryable: true,
    details: { reason },
    cause,
  })
}
