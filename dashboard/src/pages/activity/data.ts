import { type Answer, ask } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { duration, inWords } from '../../words/figures.ts'

export type Locks = Answer<'GET /v1/database/monitoring/locks'>
export type LockLine = Locks['data'][number]
export type Sessions = Answer<'GET /v1/database/monitoring/activity'>
export type Session = Sessions['data'][number]

const MOST = 500

/** Who waits for whom. */
export const useLocks = () =>
  useResource('locks', (signal) => ask('GET /v1/database/monitoring/locks', { signal }), 2_000)

/** Who is connected. */
export const useSessions = () =>
  useResource(
    'activity',
    (signal) => ask('GET /v1/database/monitoring/activity', { query: { limit: MOST }, signal }),
    5_000,
  )

/** What the code calls it; else what the connection does. */
export const whoOf = ({ label, application, user, pid }: Session): string =>
  label ?? (application === '' ? `${user || 'session'} ${pid}` : application)

/** Where it comes from, as far as that is known. */
export const oneLine = (text: string | null): string =>
  text === null ? 'hidden from this role' : text.replaceAll(/\s+/g, ' ').trim()

export const forSeconds = (seconds: number | null): string =>
  seconds === null ? '–' : inWords(duration(Math.max(0, seconds) * 1_000))
