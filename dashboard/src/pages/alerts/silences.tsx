import { useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { ask } from '../../api/client.ts'
import type { LiveResource } from '../../api/resource.ts'
import { Act, hasRole } from '../../parts/act.tsx'
import { Choice } from '../../parts/choice.tsx'
import { ToType } from '../../parts/copy.tsx'
import { Facts } from '../../parts/panel.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table/column.ts'
import { live } from '../../live/stream.ts'
import { instant, moment } from '../../words/times.ts'
import { ListCard, rowAt } from '../list-card.tsx'
import type { Silence, Silences } from './data.ts'

const LINES = 4
const PREFIX = 'silence:'
const keyOf = ({ id }: Silence): string => id
const ruleOf = ({ rule }: Silence): string => rule ?? 'every rule'

const COLUMNS: readonly Column<Silence>[] = [
  { id: 'rule', title: 'Rule', kind: 'code', width: 150, value: ruleOf },
  {
    id: 'until',
    title: 'Until',
    kind: 'text',
    width: 130,
    value: ({ ends_at: end }) => end,
    cell: ({ ends_at: end }) => (
      <time dateTime={end} title={instant(Date.parse(end))}>
        {moment(Date.parse(end), live.now.value)}
      </time>
    ),
  },
  { id: 'why', title: 'Why', kind: 'text', isMinor: true, value: ({ reason }) => reason },
]

/** What nobody is told of now. */
export const SilenceList = ({ resource }: { readonly resource: LiveResource<Silences> }) => (
  <ListCard
    title="Silenced"
    span={6}
    size="lines"
    resource={resource}
    rowsOf={({ data }) => data}
    id="silences"
    columns={COLUMNS}
    keyOf={keyOf}
    lines={LINES}
    prefix={PREFIX}
    empty={<Empty title="Nothing is silenced." />}
  />
)

/** The silence that the address names. */
export const silenceAt = (open: string, { data }: Silences): Silence | undefined =>
  rowAt(open, PREFIX, data, keyOf)

/** One silence, and ending it. */
export function SilenceDetail({
  silence,
  changed,
}: {
  readonly silence: Silence
  readonly changed: () => void
}) {
  const { id } = silence
  return (
    <>
      <Facts
        facts={[
          ['Rule', ruleOf(silence)],
          ['Process', silence.instance ?? 'all'],
          ['Why', silence.reason],
          ['By', silence.created_by],
          ['Since', instant(Date.parse(silence.created_at))],
          ['Until', instant(Date.parse(silence.ends_at))],
        ]}
      />
      <h3>End it now</h3>
      <p>What fires then is told within a minute.</p>
      <Act
        needs="operator"
        label="End this silence"
        act={async () => {
          await ask('DELETE /v1/alerts/silences/{id}', { params: { id } })
        }}
        done={changed}
      />
    </>
  )
}

const LENGTHS = [
  { id: '3600', label: '1 h' },
  { id: '14400', label: '4 h' },
  { id: '86400', label: '1 day' },
] as const

/** Telling nobody of a rule for a while. */
export function SilenceForm({ rule, changed }: { readonly rule: string; readonly changed: () => void }) {
  const length = useSignal<string>(LENGTHS[0].id)
  const reason = useSignal('')
  const id = useId()
  return (
    <>
      <h3>Silence the rule</h3>
      <p>Nobody is told of it for a while; what happens is still kept.</p>
      {hasRole('operator') && (
        <div class="act">
          <Choice
            label="For how long"
            options={LENGTHS}
            chosen={length.value}
            choose={(chosen) => (length.value = chosen)}
          />
          <p>
            <label for={id}>Why, for those who wonder:</label>
            <input
              id={id}
              type="text"
              maxLength={500}
              autocomplete="off"
              value={reason.value}
              onInput={(event) => (reason.value = event.currentTarget.value)}
            />
          </p>
        </div>
      )}
      <Act
        needs="operator"
        label="Silence it"
        isDisabled={reason.value.trim() === ''}
        act={async () => {
          const body = { rule, for_seconds: Number(length.value), reason: reason.value.trim() }
          await ask('POST /v1/alerts/silences', { body })
          reason.value = ''
        }}
        done={changed}
      />
      <h3>On the command line</h3>
      <ToType text={`npx holdfast alert silence ${rule} --for 1h --reason '...'`} />
    </>
  )
}
