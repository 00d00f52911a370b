import { useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { type Answer, ApiError, ask } from '../../api/client.ts'
import { Act, hasRole } from '../../parts/act.tsx'
import { ToType } from '../../parts/copy.tsx'
import { Share } from '../../parts/share.tsx'
import { bytes, count, duration, inWords } from '../../words/figures.ts'

type Explanation = Answer<'POST /v1/database/performance/explain'>
type Node = Explanation['plan'][number]
type Values = NonNullable<Parameters<typeof asked>[1]>

const asked = (id: string, values: (string | number | boolean | null)[] | undefined, analyze: boolean) => ({
  id,
  ...(values && { values }),
  ...(analyze && { analyze }),
})

/** How PostgreSQL does a statement: asked for, since it costs planning, and running it where that is wanted. */
export function Plan({ id }: { readonly id: string }) {
  const explained = useSignal<Explanation | undefined>(undefined)
  const typed = useSignal('')
  const isRun = useSignal(false)
  const [values, run] = [useId(), useId()]
  return (
    <>
      <h3>How PostgreSQL does it</h3>
      {hasRole('operator') && (
        <div class="act">
          <p>
            <label for={values}>Values of $1, $2 and so on, as JSON; without them for any values:</label>
            <input
              id={values}
              type="text"
              autocomplete="off"
              spellcheck={false}
              placeholder='[42, "open"]'
              value={typed.value}
              onInput={(event) => (typed.value = event.currentTarget.value)}
            />
          </p>
          {hasRole('admin') && (
            <p class="check">
              <input
                id={run}
                type="checkbox"
                checked={isRun.value}
                onChange={(event) => (isRun.value = event.currentTarget.checked)}
              />
              <label for={run}>Run it, where nothing can be written, and roll back</label>
            </p>
          )}
        </div>
      )}
      <Act
        needs="operator"
        label={isRun.value ? 'Run it and show the plan' : 'Show the plan'}
        act={async () => {
          explained.value = await ask('POST /v1/database/performance/explain', {
            body: asked(id, valuesFrom(typed.value), isRun.value),
          })
        }}
        done={() => {}}
      />
      {explained.value && <PlanTree explanation={explained.value} />}
      <h3>On the command line</h3>
      <ToType text={`npx holdfast query explain ${id}`} />
    </>
  )
}

/** @throws ApiError for what is no list of values */
function valuesFrom(text: string): Values | undefined {
  if (text.trim() === '') return undefined
  try {
    const values: unknown = JSON.parse(text)
    if (Array.isArray(values) && values.every((one) => one === null || typeof one !== 'object'))
      return values as Values
  } catch {
    // Said below.
  }
  throw new ApiError(0, 'not a list', 'Values are a list of JSON: [42, "open", null].')
}

function PlanTree({ explanation }: { readonly explanation: Explanation }) {
  const {
    kind,
    is_measured: isMeasured,
    execution_ms: took,
    planning_ms: planned,
    remarks,
    plan,
  } = explanation
  return (
    <div class="plan">
      <p>
        {isMeasured
          ? `It took ${inWords(duration(took))}${planned === null ? '' : `, and ${inWords(duration(planned))} to plan`}.`
          : `Not run: shares are of its cost, ${kind === 'generic' ? 'for any values' : 'for these values'}.`}
      </p>
      {remarks.length > 0 && (
        <ul class="remarks">
          {remarks.map((remark) => (
            <li key={remark}>{remark}</li>
          ))}
        </ul>
      )}
      <ol aria-label="Plan, from top to bottom">
        {plan.map((node, index) => (
          <Step key={index} node={node} />
        ))}
      </ol>
    </div>
  )
}

/** Deeper steps would run out of the panel. */
const DEEPEST = 12
const STEP_PX = 10

function Step({ node }: { readonly node: Node }) {
  const rows =
    node.actual_rows === null
      ? `${inWords(count(node.estimated_rows))} rows expected`
      : `${inWords(count(node.actual_rows))} rows of ${inWords(count(node.estimated_rows))} expected${(node.loops ?? 1) > 1 ? `, ${node.loops} times` : ''}`
  return (
    <li style={{ marginLeft: `${Math.min(DEEPEST, node.depth) * STEP_PX}px` }}>
      <div>
        <b>{node.type}</b>
        {node.on !== null && <code>{node.on}</code>}
        <span class="figures">
          <Share value={node.share_percent} />
        </span>
      </div>
      <div class="dim">
        {rows}
        {node.self_ms !== null && `, ${inWords(duration(node.self_ms))} here`}
      </div>
      {node.condition !== null && <code class="condition">{node.condition}</code>}
      <div class="tags">
        {node.misestimate !== null && (
          <span class="tag warn">{`${inWords(count(node.misestimate))} times off`}</span>
        )}
        {node.spilled_bytes !== null && (
          <span class="tag warn">{`${inWords(bytes(node.spilled_bytes))} to disk`}</span>
        )}
        {node.removed_rows !== null && node.removed_rows > 0 && (
          <span class="tag">{`${inWords(count(node.removed_rows))} rows thrown away`}</span>
        )}
      </div>
    </li>
  )
}
