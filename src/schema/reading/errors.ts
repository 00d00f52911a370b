import { HoldfastError } from '../../core/index.ts'

export function structureBusy(cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_STRUCTURE_BUSY',
    message:
      'The structure could not be read: another session locks a part of it, or it took too long. Nothing was changed; see "holdfast activity locks" for who it is, and try again.',
    retryable: true,
    cause,
  })
}
