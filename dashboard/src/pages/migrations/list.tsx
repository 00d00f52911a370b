import { type Answer, ask } from '../../api/client.ts'
import { type LiveResource, useResource } from '../../api/resource.ts'
import { live } from '../../live/stream.ts'
import { Amount } from '../../parts/amount.tsx'
import { Facts } from '../../parts/panel.tsx'
import { Empty, Loaded } from '../../parts/states.tsx'
import { ToType } from '../../parts/copy.tsx'
import type { Column } from '../../parts/table/column.ts'
import { duration, inWords } from '../../words/figures.ts'
import { instant, moment } from '../../words/times.ts'
import { ListCard, rowAt } from '../list-card.tsx'
import { MIGRATION_DEFINITIONS } from './definitions.ts'

export type Migrations = Answer<'GET /v1/database/migrations'>
export type Migration = Migrations['data'][number]

const LINES = 12
const MOST_ATTEMPTS = 1_000
const PREFIX = 'migration:'
const keyOf = ({ id }: Migration): string => id

const TONES: Readonly<Record<Migration['state'], string>> = {
  applied: 'ok',
  pending: 'warn',
  interrupted: 'crit',
  changed: 'crit',
  missing: 'warn',
}

const at = (text: string | null): number | null => (text === null ? null : Date.parse(text))

const COLUMNS: readonly Column<Migration>[] = [
  { id: 'id', title: 'Migration', kind: 'code', value: ({ id }) => id },
  {
    id: 'state',
    title: 'State',
    kind: 'text',
    width: 96,
    value: ({ state }) => state,
    cell: ({ state }) => <span class={`tag ${TONES[state]}`}>{state}</span>,
  },
  {
    id: 'applied',
    title: 'Applied',
    kind: 'text',
    width: 116,
    isMinor: true,
    value: ({ applied_at: applied }) => applied,
    cell: ({ applied_at: applied }) => (applied === null ? '–' : moment(Date.parse(applied), live.now.value)),
  },
  {
    id: 'took',
    title: 'Took',
    unit: 'ms',
    kind: 'number',
    width: 78,
    isMinor: true,
    value: ({ duration_ms: ms }) => ms,
    cell: ({ duration_ms: ms }) => <Amount figure={duration(ms)} />,
  },
  { id: 'by', title: 'By', kind: 'text', width: 210, isMinor: true, value: ({ applied_by: by }) => by },
  { id: 'how', title: 'How', kind: 'text', width: 84, isMinor: true, value: ({ method }) => method },
  { id: 'phase', title: 'Phase', kind: 'text', width: 84, isExtra: true, value: ({ phase }) => phase },
]

/** What ran and what is pending, the latest first. */
export const MigrationList = ({ resource }: { readonly resource: LiveResource<Migrations> }) => (
  <ListCard
    title="All migrations"
    span={12}
    definitions={MIGRATION_DEFINITIONS}
    resource={resource}
    rowsOf={({ data }) => data}
    id="migrations"
    columns={COLUMNS}
    keyOf={keyOf}
    sort={{ column: 'id', isDescending: true }}
    hasTools
    lines={LINES}
    prefix={PREFIX}
    empty={
      <Empty title="There are no migrations yet.">
        <p>The first one:</p>
        <ToType text="npx holdfast migrate new create_users" />
      </Empty>
    }
  />
)

/** The migration that the address names. */
export const migrationAt = (open: string, { data }: Migrations): Migration | undefined =>
  rowAt(open, PREFIX, data, keyOf)

/** One migration, and every attempt to run it. */
export function MigrationDetail({ migration }: { readonly migration: Migration }) {
  const { id, state, applied_at: applied, applied_by: by, duration_ms: ms, phase, method } = migration
  const attempts = useResource(
    'attempts',
    (signal) => ask('GET /v1/database/migrations/history', { query: { limit: MOST_ATTEMPTS }, signal }),
    30_000,
  )
  const when = at(applied)
  return (
    <>
      <Facts
        facts={[
          ['State', state],
          ['Applied', when === null ? 'no' : instant(when)],
          ['By', by ?? '–'],
          ['Took', inWords(duration(ms))],
          ['How', method ?? '–'],
          ['Way back', migration.has_down ? 'down.sql' : 'none: it is irreversible'],
          ['Phase', phase ?? 'none'],
        ]}
      />
      {migration.last_error !== null && (
        <>
          <h3>Why it failed last</h3>
          <p>{migration.last_error}</p>
        </>
      )}
      {NEXT[state] !== undefined && <ToType text={NEXT[state]} />}
      <h3>Attempts</h3>
      <Loaded resource={attempts} lines={4}>
        {({ data }) => <Attempts attempts={data.filter((one) => one.id === id)} />}
      </Loaded>
    </>
  )
}

const NEXT: Readonly<Partial<Record<Migration['state'], string>>> = {
  pending: 'npx holdfast migrate plan\nnpx holdfast migrate up',
  interrupted: 'npx holdfast migrate up',
  changed: 'npx holdfast migrate status',
}

type Attempt = Answer<'GET /v1/database/migrations/history'>['data'][number]

function Attempts({ attempts }: { readonly attempts: readonly Attempt[] }) {
  if (attempts.length === 0) return <p>Nobody has tried yet.</p>
  return (
    <ul class="checks">
      {attempts.map((one) => {
        const way = one.direction === 'up' ? '' : 'back, '
        const outcome =
          one.status === 'failed' ? `line ${one.failed_line ?? '?'}: ${one.error ?? ''}` : one.reason
        return (
          <li key={one.started_at + one.direction}>
            <b>
              {way}
              {one.status}
            </b>{' '}
            <time dateTime={one.started_at}>{instant(Date.parse(one.started_at))}</time> by {one.by},{' '}
            {one.method}, {inWords(duration(one.duration_ms))}
            {one.retries > 0 && `, ${one.retries} retries`}
            {outcome !== null && <p>{outcome}</p>}
          </li>
        )
      })}
    </ul>
  )
}
