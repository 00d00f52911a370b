import { readFileSync } from 'node:fs'

let cached: string | undefined

/** The version of this package, from its package.json: never kept by hand. */
export function toolVersion(): string {
  cached ??= (
    JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  ).version
  return cached
}
