import type { Answer } from '../../api/client.ts'

/** One pool as the API tells it. */
export type PoolPicture = Answer<'GET /v1/database/performance/pool-stats'>
export type Holder = PoolPicture['holders'][number]
export type Waiter = PoolPicture['waiters'][number]
export type Leak = PoolPicture['recent_leaks'][number]
export type PoolStatement = Answer<'GET /v1/database/performance/pool-statements'>['data'][number]
export type PoolAdvice = Answer<'GET /v1/database/performance/pool-advice'>

/** A statement on one line. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}
