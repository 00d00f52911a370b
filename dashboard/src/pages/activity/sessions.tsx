import { ask } from '../../api/client.ts'
import type { LiveResource } from '../../api/resource.ts'
import { Act } from '../../parts/act.tsx'
import { Amount } from '../../parts/amount.tsx'
import { ToType } from '../../parts/copy.tsx'
import { Facts } from '../../parts/panel.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table/column.ts'
import { duration } from '../../words/figures.ts'
import { layOut } from '../../words/sql-layout.ts'
import { instant } from '../../words/times.ts'
import { ListCard, rowAt } from '../list-card.tsx'
import { forSeconds, oneLine, type Session, type Sessions, whoOf } from './data.ts'
import { SESSION_DEFINITIONS } from './definitions.ts'

const LINES = 14
const PREFIX = 'session:'
const keyOf = ({ pid, started_at: since }: Session): string => `${pid} ${since}`

const time = (
  id: string,
  title: string,
  of: (session: Session) => number | null,
  isMinor: boolean,
): Column<Session> => ({
  id,
  title,
  unit: 's',
  kind: 'number',
  width: 96,
  isMinor,
  value: of,
  cell: (session) => {
    const seconds = of(session)
    return seconds === null ? '–' : <Amount figure={duration(Math.max(0, seconds) * 1_000)} />
  },
})

const COLUMNS: readonly Column<Session>[] = [
  { id: 'who', title: 'Who', kind: 'text', width: 180, value: whoOf },
  {
    id: 'state',
    title: 'State',
    kind: 'text',
    width: 140,
    value: ({ state }) => state,
    cell: ({ state }) => <span class={state.startsWith('idle in') ? 'tag warn' : ''}>{state}</span>,
  },
  time('transaction', 'Transaction', (one) => one.transaction_seconds, false),
  time('for', 'For', (one) => one.state_seconds, true),
  { id: 'waits', title: 'Waits for', kind: 'text', width: 150, isExtra: true, value: (one) => one.waits_for },
  { id: 'user', title: 'Role', kind: 'text', width: 120, isExtra: true, value: ({ user }) => user },
  {
    id: 'statement',
    title: 'Statement',
    kind: 'code',
    isMinor: true,
    value: ({ statement }) => oneLine(statement),
  },
]

/** Who is connected. */
export const SessionList = ({ resource }: { readonly resource: LiveResource<Sessions> }) => (
  <ListCard
    title="Sessions"
    span={12}
    size="page"
    definitions={SESSION_DEFINITIONS}
    resource={resource}
    rowsOf={({ data }) => data}
    id="sessions"
    columns={COLUMNS}
    keyOf={keyOf}
    hasTools
    lines={LINES}
    prefix={PREFIX}
    empty={<Empty title="Nobody else is connected." />}
  />
)

/** The session that the address names. */
export const sessionAt = (open: string, { data }: Sessions): Session | undefined =>
  rowAt(open, PREFIX, data, keyOf)

/** Opens a session's panel. */
export const openSession = (session: Session): string => PREFIX + keyOf(session)

/** One session, and ending what it runs. */
export function SessionDetail({
  session,
  changed,
}: {
  readonly session: Session
  readonly changed: () => void
}) {
  const { pid, started_at: startedAt, statement, state } = session
  const body = { pid, ...(startedAt !== null && { started_at: startedAt }) }
  const isIdle = state.startsWith('idle')
  return (
    <>
      <Facts
        facts={[
          ['Pid', pid],
          ['State', state],
          ['For', forSeconds(session.state_seconds)],
          [
            'Transaction began',
            session.transaction_seconds === null ? '–' : `${forSeconds(session.transaction_seconds)} ago`,
          ],
          ['Waits for', session.waits_for ?? '–'],
          ['Role', session.user],
          ['Application', session.application || '–'],
          ['Label', session.label ?? '–'],
          ['From', session.call_site ?? '–'],
          ['Address', session.address ?? '–'],
          ['Connected', startedAt === null ? '–' : instant(Date.parse(startedAt))],
        ]}
      />
      <h3>{isIdle ? 'Its last statement' : 'Its statement'}</h3>
      <pre>
        {statement === null
          ? 'Hidden from this role: GRANT pg_read_all_stats lets it see.'
          : layOut(statement)}
      </pre>
      <h3>Cancel this statement</h3>
      {isIdle ? (
        <p>Nothing runs here that could be cancelled.</p>
      ) : (
        <>
          <p>The session stays; its transaction fails.</p>
          <Act
            needs="operator"
            label="Cancel this statement"
            act={async () => {
              await ask('POST /v1/database/monitoring/activity/cancel', { body })
            }}
            done={changed}
          />
        </>
      )}
      <h3>End this session</h3>
      <p>Its transaction is undone. Whoever uses it gets an error and connects anew.</p>
      <Act
        needs="admin"
        label="End this session"
        confirm={String(pid)}
        act={async () => {
          await ask('POST /v1/database/monitoring/activity/terminate', { body })
        }}
        done={changed}
      />
      <h3>On the command line</h3>
      <ToType text={`npx holdfast activity ${isIdle ? 'terminate' : 'cancel'} ${pid}`} />
    </>
  )
}
