import { computed } from '@preact/signals'
import type { Resource } from '../api/resource.ts'
import { live } from './stream.ts'

/** How old what the stream tells of this process is, once it is no longer fresh. */
export const processAge = computed(() => (live.isStale.value ? live.ageMs.value : undefined))

/** The same for what it tells of the database: also while PostgreSQL does not answer. */
export const databaseAge = computed(() => {
  if (live.isStale.value) return live.ageMs.value
  const { health } = live
  return health.value?.healthy === false ? live.now.value - Date.parse(health.value.since) : undefined
})

/** The same for something that was asked for: once asking fails, or nothing is live. */
export function ageOf({ data, at, error }: Resource<unknown>): number | undefined {
  return data !== undefined && (error !== undefined || live.isStale.value) ? live.sinceHere(at) : undefined
}
