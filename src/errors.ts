import { HoldfastError } from './core/index.ts'

export function databaseUrlMissing(): HoldfastError {
  return new HoldfastError({
    code: 'HF_CONFIG_DATABASE_URL_MISSING',
    message:
      'There is no DATABASE_URL, and in production Holdfast never starts a database of its own. ' +
      'Set DATABASE_URL to postgresql://user:password@host:5432/database.',
  })
}
