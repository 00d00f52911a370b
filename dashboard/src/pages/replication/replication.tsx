import { type Answer, ask } from '../../api/client.ts'
import { type LiveResource, useResource } from '../../api/resource.ts'
import { Amount } from '../../parts/amount.tsx'
import type { Definition } from '../../parts/meaning.tsx'
import { Panel, Facts } from '../../parts/panel.tsx'
import { Standing } from '../../parts/standing.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table/column.ts'
import type { ToDo } from '../../parts/to-do.tsx'
import { query, setQuery } from '../../place/router.ts'
import { bytes, duration, inWords } from '../../words/figures.ts'
import { ListCard, rowAt } from '../list-card.tsx'

type Data = Answer<'GET /v1/database/performance/replication'>
type Replica = Data['replicas'][number]
type Slot = Data['slots'][number]

/** As the checks and the rules of alerts have it. */
const LATE_SECONDS = 30
const MUCH_BYTES = 5 * 1_024 ** 3
const LINES = 6

const seconds = (value: number | null) => duration(value === null ? null : value * 1_000)

const REPLICA_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Behind',
    means:
      'How old what is read there is: the time until the replica told that it had replayed what was written here.',
    source: 'pg_stat_replication.replay_lag',
    window: 'Now, two seconds old at most.',
  },
  {
    figure: 'To replay',
    means: 'Log that this server has written and the replica has not replayed.',
    source: 'pg_stat_replication.replay_lsn',
    window: 'The same.',
  },
]

const SLOT_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Kept',
    means:
      'Log that stays on the disk until whoever uses the slot has read it. A slot that nobody reads fills the disk.',
    source: 'pg_replication_slots.restart_lsn',
    window: 'Now.',
  },
]

const REPLICAS: readonly Column<Replica>[] = [
  { id: 'name', title: 'Replica', kind: 'text', value: ({ name }) => name },
  {
    id: 'state',
    title: 'State',
    kind: 'text',
    width: 110,
    value: ({ state }) => state,
    cell: ({ state }) => (
      <span class={state === 'streaming' ? 'tag ok' : 'tag warn'}>{state ?? 'hidden'}</span>
    ),
  },
  { id: 'sync', title: 'Commit waits', kind: 'text', width: 110, isMinor: true, value: ({ sync }) => sync },
  {
    id: 'address',
    title: 'Address',
    kind: 'text',
    width: 140,
    isExtra: true,
    value: ({ address }) => address,
  },
  {
    id: 'lag',
    title: 'Behind',
    unit: 's',
    kind: 'number',
    width: 90,
    value: (one) => one.lag_seconds,
    cell: (one) => <Amount figure={seconds(one.lag_seconds)} />,
  },
  {
    id: 'replay',
    title: 'To replay',
    unit: 'bytes',
    kind: 'number',
    width: 96,
    isMinor: true,
    value: (one) => one.unreplayed_bytes,
    cell: (one) => <Amount figure={bytes(one.unreplayed_bytes)} />,
  },
]

const SLOTS: readonly Column<Slot>[] = [
  { id: 'name', title: 'Slot', kind: 'text', value: ({ name }) => name },
  { id: 'kind', title: 'Kind', kind: 'text', width: 96, isMinor: true, value: ({ kind }) => kind },
  {
    id: 'active',
    title: 'Read',
    kind: 'text',
    width: 96,
    value: (one) => (one.is_active ? 'read' : 'nobody'),
    cell: (one) => (
      <span class={one.is_active ? 'tag ok' : 'tag warn'}>{one.is_active ? 'read' : 'nobody'}</span>
    ),
  },
  {
    id: 'kept',
    title: 'Kept',
    unit: 'bytes',
    kind: 'number',
    width: 96,
    value: (one) => one.retained_bytes,
    cell: (one) => <Amount figure={bytes(one.retained_bytes)} />,
  },
  { id: 'wal', title: 'Log', kind: 'text', width: 96, isExtra: true, value: (one) => one.wal_status },
]

const replicaKey = ({ name, address }: Replica): string => `${name} ${address}`
const slotKey = ({ name }: Slot): string => name

/** Replication: who follows, how far behind they are, and what is kept for them. */
export function Replication() {
  const resource = useResource(
    'replication',
    (signal) => ask('GET /v1/database/performance/replication', { signal }),
    5_000,
  )
  return (
    <>
      <Standing
        resource={resource}
        sentence={sentence}
        failed="Who follows this server cannot be told."
        things={things}
      />
      <ListCard
        title="Replicas"
        span={7}
        size="lines"
        definitions={REPLICA_DEFINITIONS}
        resource={resource}
        rowsOf={({ replicas }) => replicas}
        id="replicas"
        columns={REPLICAS}
        keyOf={replicaKey}
        lines={LINES}
        prefix="replica:"
        empty={
          <Empty title="Nobody follows this server.">
            <p>One server alone loses what its disk loses: a replica can take over.</p>
          </Empty>
        }
      />
      <ListCard
        title="Slots"
        span={5}
        size="lines"
        definitions={SLOT_DEFINITIONS}
        resource={resource}
        rowsOf={({ slots }) => slots}
        id="slots"
        columns={SLOTS}
        keyOf={slotKey}
        lines={LINES}
        prefix="slot:"
        empty={<Empty title="No log is kept for anybody." />}
      />
      <Detail resource={resource} />
    </>
  )
}

function sentence({ role, replicas, receiver }: Data): string {
  if (role === 'standby') {
    if (!receiver?.is_receiving) return 'This is a standby, and it receives nothing.'
    const behind = receiver.lag_seconds ?? 0
    return `This is a standby${behind === 0 ? ', and has caught up' : `, ${inWords(seconds(behind))} behind`}.`
  }
  if (replicas.length === 0) return 'This is a primary, and nobody follows it.'
  const [slowest] = replicas.toSorted((a, b) => (b.lag_seconds ?? 0) - (a.lag_seconds ?? 0))
  const behind = slowest?.lag_seconds ?? 0
  const who = replicas.length === 1 ? 'One replica follows' : `${replicas.length} replicas follow`
  return `${who}${behind < 1 ? ', close behind' : `, the slowest ${inWords(seconds(behind))} behind`}.`
}

function things({ replicas, slots }: Data): ToDo[] {
  return [
    ...replicas
      .filter((one) => (one.lag_seconds ?? 0) >= LATE_SECONDS)
      .map((one) => ({
        key: replicaKey(one),
        severity: 'warning' as const,
        text: `what is read from ${one.name} is ${inWords(seconds(one.lag_seconds))} old`,
        action: 'Look at it',
        run: () => setQuery({ open: `replica:${replicaKey(one)}` }),
      })),
    ...slots
      .filter((one) => !one.is_active || (one.retained_bytes ?? 0) >= MUCH_BYTES)
      .map((one) => ({
        key: slotKey(one),
        severity: (one.retained_bytes ?? 0) >= MUCH_BYTES ? ('error' as const) : ('warning' as const),
        text: `${inWords(bytes(one.retained_bytes ?? 0))} of log are kept for ${one.name}${one.is_active ? '' : ', which nobody reads'}`,
        action: 'Look at it',
        run: () => setQuery({ open: `slot:${slotKey(one)}` }),
      })),
  ]
}

function Detail({ resource }: { readonly resource: LiveResource<Data> }) {
  const open = query.value.get('open') ?? undefined
  const { data } = resource.state.value
  if (open === undefined || data === undefined) return null
  const replica = rowAt(open, 'replica:', data.replicas, replicaKey)
  const slot = rowAt(open, 'slot:', data.slots, slotKey)
  return (
    <Panel title={replica?.name ?? slot?.name ?? 'Detail'} onClose={() => setQuery({ open: undefined })}>
      {replica ? (
        <Facts
          facts={[
            ['State', replica.state ?? 'hidden from this role: GRANT pg_monitor lets it see'],
            ['Commit waits', replica.sync ?? '–'],
            ['Address', replica.address ?? '–'],
            ['Behind', inWords(seconds(replica.lag_seconds))],
            ['Not sent to it', inWords(bytes(replica.unsent_bytes))],
            ['Not replayed', inWords(bytes(replica.unreplayed_bytes))],
          ]}
        />
      ) : slot ? (
        <SlotDetail slot={slot} />
      ) : (
        <p>This is no longer in the list.</p>
      )}
    </Panel>
  )
}

const SlotDetail = ({ slot }: { readonly slot: Slot }) => (
  <>
    <Facts
      facts={[
        ['Kind', slot.kind],
        ['Read', slot.is_active ? 'now' : 'by nobody now'],
        ['Kept for it', inWords(bytes(slot.retained_bytes))],
        ['Log', slot.wal_status ?? '–'],
      ]}
    />
    {!slot.is_active && (
      <>
        <h3>If nobody will read it again</h3>
        <p>Whoever used it has to begin anew. This cannot be undone.</p>
        <pre>{`SELECT pg_drop_replication_slot('${slot.name.replaceAll("'", "''")}');`}</pre>
      </>
    )}
  </>
)
