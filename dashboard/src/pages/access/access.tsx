import { type Answer, ask } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { ageOf } from '../../live/freshness.ts'
import { Act } from '../../parts/act.tsx'
import { Card } from '../../parts/card.tsx'
import { ToType } from '../../parts/copy.tsx'
import type { Definition } from '../../parts/meaning.tsx'
import { Facts, Panel } from '../../parts/panel.tsx'
import { Empty, Loaded } from '../../parts/states.tsx'
import type { Column } from '../../parts/table/column.ts'
import { Table } from '../../parts/table/table.tsx'
import { query, setQuery } from '../../place/router.ts'
import { latestOf, OperationView, remember, useOperations } from '../operation.tsx'

type AccessPlan = Answer<'GET /v1/database/access'>
type Difference = AccessPlan['differences'][number]

const APPLY = 'apply'
const LINES = 14

const DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Differences',
    means:
      'What the roles of the configuration lack, or have too much of. “Too much” is told of what they own, are members of, may as roles, and were granted; and of what was granted to everybody.',
    source:
      'pg_roles, pg_auth_members, the ACLs of pg_class, pg_proc, pg_namespace, pg_database, pg_default_acl',
    window: 'Now, 15 seconds old at most.',
  },
]

const COLUMNS: readonly Column<Difference>[] = [
  {
    id: 'effect',
    title: 'Has',
    kind: 'text',
    width: 96,
    value: ({ effect }) => (effect === 'narrows' ? 'too much' : 'too little'),
    cell: ({ effect }) => (
      <span class={`tag ${effect === 'narrows' ? 'crit' : 'warn'}`}>
        {effect === 'narrows' ? 'too much' : 'too little'}
      </span>
    ),
  },
  { id: 'role', title: 'Role', kind: 'text', width: 190, value: ({ role }) => role },
  { id: 'what', title: 'Right', kind: 'text', value: ({ what }) => what },
  { id: 'object', title: 'On', kind: 'code', width: 280, isMinor: true, value: ({ object }) => object },
]

const keyOf = ({ statement }: Difference): string => statement

/** Who has which rights, beside who is to have them. */
export function Access() {
  const plan = useResource('access', (signal) => ask('GET /v1/database/access', { signal }), 15_000)
  const open = query.value.get('open') ?? undefined
  const { data } = plan.state.value
  const row = data?.differences.find((one) => keyOf(one) === open)
  const close = (): void => setQuery({ open: undefined })
  return (
    <>
      <Card
        title={data ? sentence(data) : 'Access'}
        span={12}
        definitions={DEFINITIONS}
        staleMs={ageOf(plan.state.value)}
        tools={
          data !== undefined &&
          data.differences.length > 0 && (
            <button type="button" class="quiet" onClick={() => setQuery({ open: APPLY })}>
              Settle them
            </button>
          )
        }
      >
        <Loaded resource={plan} lines={LINES}>
          {({ differences }) => (
            <Table
              id="access"
              label="Differences"
              rows={differences}
              columns={COLUMNS}
              keyOf={keyOf}
              sort={{ column: 'effect', isDescending: true }}
              lines={LINES}
              hasTools
              onOpen={(one) => setQuery({ open: keyOf(one) })}
              openKey={open}
              empty={<Empty title="Every role has what it is to have, and no more." />}
            />
          )}
        </Loaded>
      </Card>
      <Card title="Roles" span={6} size="lines" staleMs={ageOf(plan.state.value)}>
        <Loaded resource={plan} lines={6}>
          {({ roles }) => (
            <Facts facts={Object.entries(roles).map(([kind, name]) => [kind, name ?? '–'] as const)} />
          )}
        </Loaded>
      </Card>
      <Card title="Worth knowing" span={6} size="lines" staleMs={ageOf(plan.state.value)}>
        <Loaded resource={plan} lines={4}>
          {({ notes, warnings, blocked_by: blockedBy }) => (
            <Notes notes={[...blockedBy.map((one) => `Blocked: ${one}.`), ...warnings, ...notes]} />
          )}
        </Loaded>
      </Card>
      {open === APPLY && data && (
        <Panel title="Settle the differences" onClose={close}>
          <Apply plan={data} changed={() => plan.refresh()} />
        </Panel>
      )}
      {open !== undefined && open !== APPLY && data && (
        <Panel title={row ? row.role : 'Detail'} onClose={close}>
          {row ? <DifferenceDetail row={row} /> : <p>This is no longer in the list.</p>}
        </Panel>
      )}
    </>
  )
}

function sentence({ differences, blocked_by: blockedBy }: AccessPlan): string {
  if (blockedBy.length > 0) return 'A role cannot be limited'
  const excess = differences.filter(({ effect }) => effect === 'narrows').length
  if (differences.length === 0) return 'Access is as configured'
  if (excess === 0) return `${differences.length} rights are missing`
  return `${excess} ${excess === 1 ? 'right' : 'rights'} too much, ${differences.length - excess} missing`
}

function Notes({ notes }: { readonly notes: readonly string[] }) {
  if (notes.length === 0) return <p class="good">There is nothing to note.</p>
  return (
    <ul class="checks">
      {notes.map((note) => (
        <li key={note}>{note}</li>
      ))}
    </ul>
  )
}

function DifferenceDetail({ row }: { readonly row: Difference }) {
  return (
    <>
      <p>{row.words}.</p>
      <h3>What settles it</h3>
      <ToType text={`${row.statement};`} />
      <p>
        {row.effect === 'widens'
          ? 'It gives the role something: that is only done with the plan that showed it.'
          : 'It takes something away: whoever needs it will be refused.'}
      </p>
    </>
  )
}

function Apply({ plan, changed }: { readonly plan: AccessPlan; readonly changed: () => void }) {
  const operations = useOperations(changed)
  const running = latestOf(operations, 'access.apply')
  const { differences, warnings, blocked_by: blockedBy } = plan
  return (
    <>
      {blockedBy.map((reason) => (
        <p key={reason}>
          <span class="tag crit">blocked</span> {reason}.
        </p>
      ))}
      {warnings.map((warning) => (
        <p key={warning}>
          <span class="tag warn">warning</span> {warning}
        </p>
      ))}
      {differences.length === 0 ? (
        <p>There is nothing to settle.</p>
      ) : (
        <>
          <p>
            {differences.length} {differences.length === 1 ? 'statement is' : 'statements are'} run, an object
            with all that belongs to it in one transaction. The service runs them over DATABASE_DIRECT_URL:
            its role has to be an administrator.
          </p>
          <Act
            needs="admin"
            label={`Settle ${differences.length} ${differences.length === 1 ? 'difference' : 'differences'}`}
            isDisabled={running?.state === 'running' || blockedBy.length > 0}
            act={async () => {
              remember(await ask('POST /v1/database/access/apply', { body: { plan: plan.plan } }))
            }}
            done={() => {
              operations.refresh()
              changed()
            }}
          />
        </>
      )}
      <OperationView operation={running}>
        {({ changes }) => <p>{`${String(changes)} changes done.`}</p>}
      </OperationView>
      <h3>On the command line</h3>
      <ToType text={`npx holdfast access plan --sql\nnpx holdfast access apply --plan ${plan.plan}`} />
    </>
  )
}
