import { useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { type Answer, ask } from '../../api/client.ts'
import { type LiveResource, useResource } from '../../api/resource.ts'
import { session } from '../../api/session.ts'
import { live } from '../../live/stream.ts'
import { Act, hasRole } from '../../parts/act.tsx'
import { Choice } from '../../parts/choice.tsx'
import { ToType } from '../../parts/copy.tsx'
import { Facts, Panel } from '../../parts/panel.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table/column.ts'
import { query, setQuery } from '../../place/router.ts'
import { instant, moment } from '../../words/times.ts'
import { ListCard, rowAt } from '../list-card.tsx'

type Sessions = Answer<'GET /v1/sessions'>
type Listed = Sessions['data'][number]

const PREFIX = 'session:'
const LINES = 5
const keyOf = ({ id }: Listed): string => id
const isOwn = ({ id }: Listed): boolean => typeof session.value === 'object' && session.value.id === id

const COLUMNS: readonly Column<Listed>[] = [
  {
    id: 'name',
    title: 'Name',
    kind: 'text',
    value: ({ name }) => name,
    cell: (one) => (
      <>
        {one.name}
        {isOwn(one) && <em class="dim"> (this is you)</em>}
      </>
    ),
  },
  { id: 'role', title: 'Role', kind: 'text', width: 110, value: ({ role }) => role },
  { id: 'kind', title: 'Kind', kind: 'text', width: 110, isMinor: true, value: ({ kind }) => kind },
  {
    id: 'seen',
    title: 'Seen last',
    kind: 'text',
    width: 150,
    isMinor: true,
    value: ({ last_seen_at: at }) => at,
    cell: ({ last_seen_at: at }) => (
      <time dateTime={at} title={instant(Date.parse(at))}>
        {moment(Date.parse(at), live.now.value)}
      </time>
    ),
  },
]

/** Who is signed in, and which programs have a token: for admins, who also end that and let others in. */
export function People() {
  if (!hasRole('admin')) return null
  return <List />
}

function List() {
  const sessions = useResource('sessions', (signal) => ask('GET /v1/sessions', { signal }), 10_000)
  return (
    <>
      <ListCard
        title="Who is in"
        span={12}
        size="lines"
        resource={sessions}
        rowsOf={({ data }) => data}
        id="sessions"
        columns={COLUMNS}
        keyOf={keyOf}
        lines={LINES}
        prefix={PREFIX}
        tools={
          <button type="button" class="button" onClick={() => setQuery({ open: 'invite' })}>
            Let somebody in
          </button>
        }
        empty={<Empty title="Nobody is in." />}
      />
      <Detail sessions={sessions} />
    </>
  )
}

function Detail({ sessions }: { readonly sessions: LiveResource<Sessions> }) {
  const open = query.value.get('open') ?? ''
  const close = (): void => setQuery({ open: undefined })
  if (open === 'invite')
    return (
      <Panel title="Let somebody in" onClose={close}>
        <Invitation />
      </Panel>
    )
  const one = rowAt(open, PREFIX, sessions.state.value.data?.data ?? [], keyOf)
  if (!open.startsWith(PREFIX) || sessions.state.value.data === undefined) return null
  return (
    <Panel title={one?.name ?? 'Session'} onClose={close}>
      {one ? (
        <>
          <Facts
            facts={[
              ['Role', one.role],
              ['Kind', one.kind === 'token' ? 'a token of a program' : 'a session of a browser'],
              ['Since', instant(Date.parse(one.created_at))],
              ['Seen last', instant(Date.parse(one.last_seen_at))],
              ['Until', one.expires_at === null ? 'this process ends' : instant(Date.parse(one.expires_at))],
            ]}
          />
          <h3>End it</h3>
          <p>
            {isOwn(one)
              ? 'This is your own session: it signs you out.'
              : 'At once: whatever it asks for next is refused.'}
          </p>
          <Act
            needs="admin"
            label="End this session"
            act={async () => {
              await ask('DELETE /v1/sessions/{id}', { params: { id: one.id } })
            }}
            done={() => sessions.refresh()}
          />
        </>
      ) : (
        <p>It has ended.</p>
      )}
    </Panel>
  )
}

const ROLES = [
  { id: 'viewer', label: 'Viewer' },
  { id: 'operator', label: 'Operator' },
  { id: 'admin', label: 'Admin' },
] as const

function Invitation() {
  const role = useSignal<(typeof ROLES)[number]['id']>('viewer')
  const name = useSignal('')
  const link = useSignal<string | undefined>(undefined)
  const id = useId()
  return (
    <>
      <p>
        A link signs one person in, once, within ten minutes. A viewer reads, an operator also acts, an admin
        decides.
      </p>
      <div class="act">
        <Choice label="Role" options={ROLES} chosen={role.value} choose={(chosen) => (role.value = chosen)} />
        <p>
          <label for={id}>Whom it is for, as lists and records say it:</label>
          <input
            id={id}
            type="text"
            maxLength={100}
            autocomplete="off"
            value={name.value}
            onInput={(event) => (name.value = event.currentTarget.value)}
          />
        </p>
      </div>
      <Act
        needs="admin"
        label="Make a link"
        isDisabled={name.value.trim() === ''}
        act={async () => {
          const body = { role: role.value, name: name.value.trim() }
          const made = await ask('POST /v1/sign-in-links', { body })
          link.value = new URL(made.path.slice(made.path.lastIndexOf('/') + 1), document.baseURI).href
        }}
        done={() => {}}
      />
      {link.value !== undefined && (
        <div role="status">
          <p>Whoever opens it is in. It is shown only here:</p>
          <ToType text={link.value} />
        </div>
      )}
    </>
  )
}
