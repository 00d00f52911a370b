import { pageInvalid } from '../errors.ts'

const DEFAULT_LIMIT = 20
const MAX_LIMIT = 1_000

/**
 * How many rows a page has.
 * @throws HF_PAGE_INVALID
 */
export function limitOf(limit = DEFAULT_LIMIT, maxLimit = MAX_LIMIT): number {
  return wholeNumber('limit', limit, maxLimit)
}

/** @throws HF_PAGE_INVALID */
export function wholeNumber(name: string, value: unknown, max: number): number {
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > max)
    throw pageInvalid(name, value, max)
  return value as number
}
