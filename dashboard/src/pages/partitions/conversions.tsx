import { ask } from '../../api/client.ts'
import type { LiveResource } from '../../api/resource.ts'
import { live } from '../../live/stream.ts'
import { Act } from '../../parts/act.tsx'
import { ToType } from '../../parts/copy.tsx'
import { Facts } from '../../parts/panel.tsx'
import { Share } from '../../parts/share.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table/column.ts'
import { count, inWords } from '../../words/figures.ts'
import { instant, moment } from '../../words/times.ts'
import { ListCard, rowAt } from '../list-card.tsx'
import { latestOf, type OperationList, OperationView, remember } from '../operation.tsx'
import type { Conversion, Partitions } from './data.ts'
import { CONVERSION_DEFINITIONS } from './definitions.ts'

const LINES = 6
const PREFIX = 'conversion:'
const keyOf = ({ id }: Conversion): string => id
const TONES: Readonly<Record<Conversion['state'], string>> = {
  running: '',
  aborting: 'warn',
  done: 'ok',
  aborted: 'warn',
  undone: 'warn',
}

/** Steps that are behind it, in percent; of the copy its rows count. */
function shareOf({
  state,
  step,
  step_number: at,
  step_done: isDone,
  steps,
  rows_done: rows,
  rows_estimated: all,
}: Conversion): number {
  if (state !== 'running') return state === 'aborting' ? 0 : 100
  const within = isDone ? 1 : step === 'copy' && all > 0 ? Math.min(0.99, rows / all) : 0
  return Math.min(99.9, ((Math.max(0, at - 1) + within) / steps.length) * 100)
}

const COLUMNS: readonly Column<Conversion>[] = [
  { id: 'table', title: 'Table', kind: 'code', value: ({ table }) => table },
  { id: 'kind', title: 'How', kind: 'text', width: 70, isExtra: true, value: ({ kind }) => kind },
  {
    id: 'state',
    title: 'State',
    kind: 'text',
    width: 88,
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
    cell: (one) => <Share value={shareOf(one)} />,
  },
  {
    id: 'begun',
    title: 'Begun',
    kind: 'text',
    width: 116,
    isMinor: true,
    value: ({ started_at: at }) => at,
    cell: ({ started_at: at }) => moment(Date.parse(at), live.now.value),
  },
]

/** Conversions, live, the latest first. */
export const ConversionList = ({ resource }: { readonly resource: LiveResource<Partitions> }) => (
  <ListCard
    title="Conversions"
    span={5}
    size="lines"
    definitions={CONVERSION_DEFINITIONS}
    resource={resource}
    rowsOf={({ conversions }) => conversions}
    id="conversions"
    columns={COLUMNS}
    keyOf={keyOf}
    lines={LINES}
    prefix={PREFIX}
    empty={
      <Empty title="No table was converted yet.">
        <p>A table in use becomes a partitioned one step by step, and is followed here.</p>
      </Empty>
    }
  />
)

/** The conversion that the address names. */
export const conversionAt = (open: string, { conversions }: Partitions): Conversion | undefined =>
  rowAt(open, PREFIX, conversions, keyOf)

/** One conversion step by step, and what goes on with it or takes it back. */
export function ConversionDetail({
  conversion,
  operations,
  changed,
}: {
  readonly conversion: Conversion
  readonly operations: OperationList
  readonly changed: () => void
}) {
  const { table, kind, state, step, step_done: isStepDone, steps, error, notes } = conversion
  const at = steps.findIndex(({ name }) => name === step)
  const marks = { operations, changed, table }
  const undoUntil = conversion.undo_until === null ? null : Date.parse(conversion.undo_until)
  return (
    <>
      <Facts
        facts={[
          ['State', state],
          ['How', kind === 'attach' ? 'attached in place: no row moves' : 'split: rows are copied'],
          ['By', `${conversion.column}, every ${conversion.every}`],
          ['The old table', conversion.old_table],
          ['It ends at', conversion.cutoff],
          ...(kind === 'split'
            ? ([
                [
                  'Rows copied',
                  `${inWords(count(conversion.rows_done))} of about ${inWords(count(conversion.rows_estimated))}`,
                ],
              ] as const)
            : []),
          ['Begun', instant(Date.parse(conversion.started_at))],
          ['Changed', instant(Date.parse(conversion.updated_at))],
          ...(undoUntil === null ? [] : ([['Can be undone until', instant(undoUntil)]] as const)),
        ]}
      />
      <h3>Steps</h3>
      <ol class="checks steps">
        {steps.map(({ name, words }, index) => {
          const isDone = index < at || (index === at && isStepDone)
          return (
            <li key={name} aria-current={index === at && !isDone ? 'step' : undefined}>
              <span class={`tag ${isDone ? 'ok' : ''}`}>
                {isDone ? 'done' : index === at ? 'at it' : 'to come'}
              </span>{' '}
              <b>{name}</b>: {words}
            </li>
          )
        })}
      </ol>
      {error !== null && (
        <>
          <h3>Why the last attempt ended</h3>
          <p>{error}</p>
        </>
      )}
      {notes.length > 0 && (
        <>
          <h3>Proven, and to know</h3>
          <ul class="checks">
            {notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </>
      )}
      {(state === 'running' || state === 'aborting') && (
        <>
          <h3>Ways on</h3>
          {state === 'running' && (
            <>
              <p>Somebody may be at it. If not, it goes on where it was; what is done stays done.</p>
              <Way {...marks} verb="resume" label="Go on with it" />
            </>
          )}
          <p>Taking it back leaves the table as it was before.</p>
          <Way {...marks} verb="abort" label="Take it back" confirm={table} />
        </>
      )}
      {state === 'done' && (
        <>
          <h3>The way back</h3>
          {kind === 'split' && undoUntil === null ? (
            <p>The time to undo has ended: the old table is gone.</p>
          ) : (
            <>
              <p>Undoing makes it one table again, with all that was written since.</p>
              <Way {...marks} verb="undo" label="Undo the conversion" confirm={table} />
            </>
          )}
          {undoUntil !== null && (
            <>
              <p>
                Until then writes go to the old table, too. Ending that drops the old table, and cannot be
                undone.
              </p>
              <Way {...marks} verb="finish" label="Drop the old table now" confirm={conversion.old_table} />
            </>
          )}
        </>
      )}
      <h3>On the command line</h3>
      <ToType text={`npx holdfast partition status ${table}`} />
    </>
  )
}

function Way({
  verb,
  table,
  label,
  confirm,
  operations,
  changed,
}: {
  readonly verb: 'resume' | 'abort' | 'undo' | 'finish'
  readonly table: string
  readonly label: string
  readonly confirm?: string
  readonly operations: OperationList
  readonly changed: () => void
}) {
  const operation = latestOf(operations, `partitions.${verb}`)
  return (
    <>
      <Act
        needs="admin"
        label={label}
        {...(confirm !== undefined && { confirm })}
        isDisabled={operation?.state === 'running'}
        act={async () => {
          remember(await ask(`POST /v1/database/partitions/${verb}`, { body: { table, accept: [] } }))
        }}
        done={changed}
      />
      <OperationView operation={operation} />
    </>
  )
}
