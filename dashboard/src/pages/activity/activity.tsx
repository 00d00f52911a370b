import { Panel } from '../../parts/panel.tsx'
import { query, setQuery } from '../../place/router.ts'
import { useLocks, useSessions, whoOf } from './data.ts'
import { LockList, lockAt } from './locks.tsx'
import { sessionAt, SessionDetail, SessionList } from './sessions.tsx'
import { ActivityStanding } from './standing.tsx'

/** Activity: who is connected, who waits for whom, and ending what they run. */
export function Activity() {
  const locks = useLocks()
  const sessions = useSessions()
  const open = query.value.get('open') ?? undefined
  const [held, listed] = [locks.state.value.data, sessions.state.value.data]
  const session =
    open === undefined
      ? undefined
      : ((held && lockAt(open, held)?.session) ?? (listed && sessionAt(open, listed)))
  const changed = (): void => {
    locks.refresh()
    sessions.refresh()
  }
  return (
    <>
      <ActivityStanding locks={locks} sessions={sessions} />
      <LockList resource={locks} />
      <SessionList resource={sessions} />
      {open !== undefined && held !== undefined && listed !== undefined && (
        <Panel title={session ? whoOf(session) : 'Detail'} onClose={() => setQuery({ open: undefined })}>
          {session ? (
            <SessionDetail session={session} changed={changed} />
          ) : (
            <p>This session is not there any more, or waits no longer.</p>
          )}
        </Panel>
      )}
    </>
  )
}
