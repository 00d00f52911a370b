import { type Answer, ask } from '../../api/client.ts'
import type { LiveResource } from '../../api/resource.ts'
import { live } from '../../live/stream.ts'
import { Act } from '../../parts/act.tsx'
import { Amount } from '../../parts/amount.tsx'
import { ToType } from '../../parts/copy.tsx'
import { Facts } from '../../parts/panel.tsx'
import { Share } from '../../parts/share.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table/column.ts'
import { count, duration, inWords } from '../../words/figures.ts'
import { instant } from '../../words/times.ts'
import { ListCard, rowAt } from '../list-card.tsx'
import { BACKFILL_DEFINITIONS } from './definitions.ts'

export type Backfills = Answer<'GET /v1/database/migrations/backfills'>
type Backfill = Backfills['data'][number]

const LINES = 5
const PREFIX = 'backfill:'
const keyOf = ({ id }: Backfill): string => id
const TONES: Readonly<Record<Backfill['state'], string>> = {
  pending: 'warn',
  running: '',
  paused: 'warn',
  done: 'ok',
  failed: 'crit',
}

/** Of all rows, in percent; an estimate may have been too low. */
function shareOf({ state, rows_done: done, rows_estimated: all }: Backfill): number | null {
  if (state === 'done') return 100
  return all === null || all === 0 ? null : Math.min(99.9, (done / all) * 100)
}

/** At the pace since it began. */
function leftMs(backfill: Backfill): number | null {
  const { state, rows_done: done, rows_estimated: all, started_at: began } = backfill
  if (state !== 'running' || all === null || began === null || done === 0) return null
  return ((Date.parse(backfill.updated_at) - Date.parse(began)) / done) * Math.max(0, all - done)
}

const COLUMNS: readonly Column<Backfill>[] = [
  { id: 'id', title: 'Migration', kind: 'code', value: ({ id }) => id },
  { id: 'table', title: 'Table', kind: 'text', width: 130, isMinor: true, value: ({ table }) => table },
  {
    id: 'state',
    title: 'State',
    kind: 'text',
    width: 84,
    value: ({ state }) => state,
    cell: ({ state }) => <span class={`tag ${TONES[state]}`}>{state}</span>,
  },
  {
    id: 'done',
    title: 'Done',
    unit: '%',
    kind: 'number',
    width: 92,
    value: shareOf,
    cell: (row) => {
      const share = shareOf(row)
      return share === null ? '–' : <Share value={share} />
    },
  },
  {
    id: 'left',
    title: 'Left',
    unit: 'ms',
    kind: 'number',
    width: 76,
    isMinor: true,
    value: leftMs,
    cell: (row) => <Amount figure={duration(leftMs(row))} />,
  },
]

/** How far each backfill is, live. */
export const BackfillList = ({ resource }: { readonly resource: LiveResource<Backfills> }) => (
  <ListCard
    title="Backfills"
    span={7}
    size="lines"
    definitions={BACKFILL_DEFINITIONS}
    resource={resource}
    rowsOf={({ data }) => data}
    id="backfills"
    columns={COLUMNS}
    keyOf={keyOf}
    lines={LINES}
    prefix={PREFIX}
    empty={
      <Empty title="No migration has a backfill.">
        <p>One with a backfill.ts fills in rows in batches, and is followed here.</p>
      </Empty>
    }
  />
)

/** The backfill that the address names. */
export const backfillAt = (open: string, { data }: Backfills): Backfill | undefined =>
  rowAt(open, PREFIX, data, keyOf)

/** One backfill, and what stops it or lets it go on. */
export function BackfillDetail({
  backfill,
  changed,
}: {
  readonly backfill: Backfill
  readonly changed: () => void
}) {
  const { id, state } = backfill
  const began = backfill.started_at === null ? null : Date.parse(backfill.started_at)
  const seconds = began === null ? 0 : (Date.parse(backfill.updated_at) - began) / 1_000
  const pace = seconds > 0 ? backfill.rows_done / seconds : null
  const act = (what: 'pause' | 'resume') => async () => {
    await ask(`POST /v1/database/migrations/backfills/{id}/${what}`, { params: { id } })
  }
  return (
    <>
      <Facts
        facts={[
          ['State', state],
          ['Table', backfill.table],
          ['By column', backfill.key],
          ['Behind key', backfill.position ?? '(not begun)'],
          ['Rows done', inWords(count(backfill.rows_done))],
          ['Rows, estimated when it began', inWords(count(backfill.rows_estimated))],
          ['Rows per second', inWords(count(pace))],
          ['Batches', inWords(count(backfill.batches))],
          ['Waits for', backfill.held_back_by ?? 'nothing'],
          ['Run by', backfill.worker ?? 'nobody'],
          ['Began', began === null ? '–' : instant(began)],
          ['Changed', instant(Math.min(live.now.value, Date.parse(backfill.updated_at)))],
        ]}
      />
      {backfill.error !== null && (
        <>
          <h3>Why it failed</h3>
          <p>{backfill.error}</p>
        </>
      )}
      {state === 'running' && (
        <>
          <p>Pausing makes whoever runs it wait behind the batch that it is at. Nothing is lost.</p>
          <Act needs="operator" label="Pause this backfill" act={act('pause')} done={changed} />
        </>
      )}
      {state === 'paused' && (
        <Act needs="operator" label="Let this backfill go on" act={act('resume')} done={changed} />
      )}
      {(state === 'pending' || state === 'failed') && <ToType text="npx holdfast backfill run" />}
    </>
  )
}
