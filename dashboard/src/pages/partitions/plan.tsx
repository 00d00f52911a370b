import { useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { type Answer, ask } from '../../api/client.ts'
import { Act } from '../../parts/act.tsx'
import { Choice } from '../../parts/choice.tsx'
import { ToType } from '../../parts/copy.tsx'
import { Facts } from '../../parts/panel.tsx'
import { bytes, count, inWords } from '../../words/figures.ts'
import { latestOf, type OperationList, OperationView, remember } from '../operation.tsx'

type Plan = Answer<'POST /v1/database/partitions/plan'>
type Finding = Plan['findings'][number]

const LENGTHS = ['hour', 'day', 'month', 'year'] as const
const MODES = [
  { id: 'attach', label: 'Attach: no row moves' },
  { id: 'split', label: 'Split: rows are copied' },
] as const
const TONES = { carried: 'ok', warning: 'warn', consent: 'warn', blocked: 'crit' } as const

interface Acting {
  readonly operations: OperationList
  readonly changed: () => void
}

interface Wishes {
  readonly table: string
  readonly by: string
  readonly every: string
  readonly mode: 'attach' | 'split'
  readonly accept: string[]
}

/** What converting a table would do; and, agreed to, does it. */
export function PlanConversion({ operations, changed }: Acting) {
  const wishes = useSignal<Wishes>({ table: '', by: '', every: 'month', mode: 'attach', accept: [] })
  const plan = useSignal<Plan | undefined>(undefined)
  // Another wish is another plan.
  const wish = (change: Partial<Wishes>): void => {
    wishes.value = { ...wishes.value, accept: [], ...change }
    plan.value = undefined
  }
  const look = (accept: string[]) => async () => {
    wishes.value = { ...wishes.value, accept }
    plan.value = await ask('POST /v1/database/partitions/plan', { body: wishes.value })
  }
  const { table, by, every, mode, accept } = wishes.value
  return (
    <>
      <p>
        A table in use becomes a partitioned one, without a lost row or a writer that waits. First its plan:
      </p>
      <div class="form">
        <Field label="Table" value={table} hint="public.events" set={(value) => wish({ table: value })} />
        <Field
          label="Column to partition by"
          value={by}
          hint="created_at"
          set={(value) => wish({ by: value })}
        />
        <Choice
          label="Length of a partition"
          options={LENGTHS.map((id) => ({ id: id as string, label: id as string }))}
          chosen={every}
          choose={(value) => wish({ every: value })}
        />
        <Field
          label="Or so many of an integer key"
          value={/^\d+$/.test(every) ? every : ''}
          hint="1000000"
          set={(value) => wish({ every: value === '' ? 'month' : value })}
        />
        <Choice label="How" options={MODES} chosen={mode} choose={(value) => wish({ mode: value })} />
      </div>
      <Act
        needs="operator"
        label="Show the plan"
        isDisabled={table === '' || by === ''}
        act={look(accept)}
        done={() => {}}
      />
      {plan.value && (
        <Planned
          plan={plan.value}
          agree={(id) => look([...accept, id])}
          convert={async () => {
            const body = { ...wishes.value, plan: plan.value?.plan ?? '' }
            remember(await ask('POST /v1/database/partitions/convert', { body }))
          }}
          operations={operations}
          changed={changed}
        />
      )}
      <h3>On the command line</h3>
      <ToType
        text={`npx holdfast partition plan ${table || 'public.events'} --by ${by || 'created_at'} --every ${every}${mode === 'split' ? ' --mode split' : ''}`}
      />
    </>
  )
}

function Field({
  label,
  value,
  hint,
  set,
}: {
  readonly label: string
  readonly value: string
  readonly hint: string
  readonly set: (value: string) => void
}) {
  const id = useId()
  return (
    <p>
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        autocomplete="off"
        spellcheck={false}
        placeholder={hint}
        value={value}
        onInput={(event) => set(event.currentTarget.value.trim())}
      />
    </p>
  )
}

type Doing = () => Promise<void>

function Planned({
  plan,
  agree,
  convert,
  operations,
  changed,
}: Acting & {
  readonly plan: Plan
  readonly agree: (id: string) => Doing
  readonly convert: Doing
}) {
  const running = latestOf(operations, 'partitions.convert')
  const isFree = plan.in_the_way.length === 0
  return (
    <>
      <h3>The plan</h3>
      <Facts
        facts={[
          ['Table', `${inWords(count(plan.rows))} rows, ${inWords(bytes(plan.bytes))}`],
          ['The old table becomes', plan.old_table],
          ['It ends at', plan.cutoff],
          ['New partitions', `${plan.partitions.length}, from ${plan.partitions[0]?.name ?? '–'} on`],
        ]}
      />
      <ul class="checks">
        {plan.findings.map((finding) => (
          <FindingView
            key={finding.id}
            finding={finding}
            isAgreed={plan.accepted.includes(finding.id)}
            agree={agree(finding.id)}
          />
        ))}
      </ul>
      <h3>Steps</h3>
      <ol class="checks">
        {[...plan.steps, ...(plan.then_split?.steps ?? [])].map(({ name, words, lock }, place) => (
          <li key={`${place} ${name}`}>
            <b>{name}</b>: {words}
            <p>{lock ?? 'nobody waits'}</p>
          </li>
        ))}
      </ol>
      {isFree ? (
        <Act
          needs="admin"
          label="Convert this table"
          confirm={plan.table}
          isDisabled={running?.state === 'running'}
          act={convert}
          done={changed}
        />
      ) : (
        <p>It cannot be converted before that is settled: {plan.in_the_way.join(', ')}.</p>
      )}
      <OperationView operation={running}>{() => <p>The table is partitioned.</p>}</OperationView>
    </>
  )
}

function FindingView({
  finding: { level, words, way },
  isAgreed,
  agree,
}: {
  readonly finding: Finding
  readonly isAgreed: boolean
  readonly agree: Doing
}) {
  return (
    <li>
      <span class={`tag ${isAgreed ? 'ok' : TONES[level]}`}>{isAgreed ? 'agreed to' : level}</span> {words}
      {way !== null && <p>{way}</p>}
      {level === 'consent' && !isAgreed && (
        <Act needs="operator" label="Agree to this" act={agree} done={() => {}} />
      )}
    </li>
  )
}
