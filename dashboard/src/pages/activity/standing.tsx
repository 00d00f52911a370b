import type { LiveResource } from '../../api/resource.ts'
import { Standing } from '../../parts/standing.tsx'
import type { ToDo } from '../../parts/to-do.tsx'
import { setQuery } from '../../place/router.ts'
import { forSeconds, type Locks, type Session, type Sessions, whoOf } from './data.ts'
import { openSession } from './sessions.tsx'

/** As the checks have it. */
const LONG_IDLE_SECONDS = 300
const LONG_STATEMENT_SECONDS = 300
const ERROR_SECONDS = 30

/** Who waits, in a sentence, and whom to look at. */
export function ActivityStanding({
  locks,
  sessions,
}: {
  readonly locks: LiveResource<Locks>
  readonly sessions: LiveResource<Sessions>
}) {
  const others = sessions.state.value.data?.data ?? []
  return (
    <Standing
      resource={locks}
      sentence={({ data }) => sentence(data, others)}
      failed="Who waits for whom cannot be told."
      things={({ data }) => [...holders(data), ...others.flatMap(idlers)]}
    />
  )
}

function sentence(lines: Locks['data'], sessions: readonly Session[]): string {
  const waiting = lines.filter(({ wants }) => wants !== null)
  const longest = Math.max(0, ...waiting.map(({ wants }) => wants?.seconds ?? 0))
  if (waiting.length > 0)
    return `${waiting.length === 1 ? 'One session waits' : `${waiting.length} sessions wait`} for a lock, the longest for ${forSeconds(longest)}.`
  const active = sessions.filter(({ state }) => state === 'active').length
  return `Nobody waits for a lock; ${active === 0 ? 'nothing runs' : `${active} ${active === 1 ? 'statement runs' : 'statements run'}`} just now.`
}

const looker = (session: Session) => (): void => setQuery({ open: openSession(session) })

/** Those at the roots: they hold what the others want. */
function holders(lines: Locks['data']): ToDo[] {
  return lines
    .filter(({ depth, waiting }) => depth === 0 && waiting > 0)
    .map(({ session, waiting }): ToDo => {
      const longest = Math.max(0, ...lines.map(({ wants }) => wants?.seconds ?? 0))
      const text = `${session ? whoOf(session) : 'a prepared transaction'} holds what ${waiting} ${waiting === 1 ? 'session waits' : 'sessions wait'} for${session?.state.startsWith('idle in') ? ', and does nothing' : ''}`
      return {
        key: `holds ${session?.pid ?? 'prepared'}`,
        severity: longest < ERROR_SECONDS ? 'warning' : 'error',
        text,
        action: 'Look at it',
        run: session ? looker(session) : () => {},
      }
    })
}

function idlers(session: Session): ToDo[] {
  const { state, state_seconds: seconds, pid } = session
  const isIdle = state.startsWith('idle in transaction') && (seconds ?? 0) >= LONG_IDLE_SECONDS
  const isLong = state === 'active' && (seconds ?? 0) >= LONG_STATEMENT_SECONDS
  if (!isIdle && !isLong) return []
  return [
    {
      key: `idle ${pid}`,
      severity: 'warning',
      text: isIdle
        ? `${whoOf(session)} has done nothing inside its transaction for ${forSeconds(seconds)}`
        : `${whoOf(session)} has been running one statement for ${forSeconds(seconds)}`,
      action: 'Look at it',
      run: looker(session),
    },
  ]
}
