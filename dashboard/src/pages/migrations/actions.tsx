import { type Answer, ask } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { ageOf } from '../../live/freshness.ts'
import { Act, hasRole } from '../../parts/act.tsx'
import { Card } from '../../parts/card.tsx'
import { ToType } from '../../parts/copy.tsx'
import { Loaded } from '../../parts/states.tsx'
import { latestOf, type OperationList, OperationView, remember } from '../operation.tsx'
import { DRIFT_DEFINITIONS } from './definitions.ts'

interface Acting {
  readonly operations: OperationList
  /** Something may be different now. */
  readonly changed: () => void
}

/** Runs what is pending. */
export function RunPending({ ids, operations, changed }: Acting & { readonly ids: readonly string[] }) {
  const running = latestOf(operations, 'migrations.up')
  return (
    <>
      {ids.length === 0 ? (
        <p>Nothing is pending.</p>
      ) : (
        <>
          <p>
            {ids.length === 1 ? 'This one runs' : `These ${ids.length} run, in this order`}. Each waits for
            its locks no longer than the time limit for locks, gives way to traffic, and tries again.
          </p>
          <ol class="ids">
            {ids.map((id) => (
              <li key={id}>
                <code>{id}</code>
              </li>
            ))}
          </ol>
          <Act
            needs="operator"
            label={ids.length === 1 ? 'Run this migration' : `Run ${ids.length} migrations`}
            isDisabled={running?.state === 'running'}
            act={async () => {
              const body = { allow_out_of_order: false, skip_backfills: false }
              remember(await ask('POST /v1/database/migrations/up', { body }))
            }}
            done={changed}
          />
        </>
      )}
      <OperationView operation={running}>
        {({ ran }) => <p>{`${String((ran as string[]).length)} applied.`}</p>}
      </OperationView>
      <h3>On the command line</h3>
      <ToType text="npx holdfast migrate up" />
    </>
  )
}

type Plan = Answer<'GET /v1/database/migrations/rollback-plan'>
const TONES = { safe: 'ok', lossy: 'warn', blocked: 'crit' } as const

/** Takes the last migration back, as its plan shows. */
export function TakeBack({ operations, changed }: Acting) {
  const mayLook = hasRole('operator')
  if (!mayLook) return <p>You are signed in as a viewer. An operator may see what taking back would cost.</p>
  return <Planned operations={operations} changed={changed} />
}

function Planned({ operations, changed }: Acting) {
  const plan = useResource(
    'rollback',
    (signal) => ask('GET /v1/database/migrations/rollback-plan', { query: { count: 1 }, signal }),
    15_000,
  )
  const running = latestOf(operations, 'migrations.rollback')
  return (
    <>
      <Loaded resource={plan} lines={8}>
        {(data) => (
          <>
            <PlanView plan={data} />
            {data.steps.length > 0 && data.verdict !== 'blocked' && (
              <Act
                needs="admin"
                label="Take it back"
                // Rows that are lost stay lost.
                {...(data.verdict === 'lossy' && { confirm: data.steps[0]?.id ?? '' })}
                isDisabled={running?.state === 'running'}
                act={async () => {
                  remember(
                    await ask('POST /v1/database/migrations/rollback', {
                      body: { plan: data.plan, count: 1 },
                    }),
                  )
                }}
                done={() => {
                  plan.refresh()
                  changed()
                }}
              />
            )}
          </>
        )}
      </Loaded>
      <OperationView operation={running}>
        {({ taken_back: back, rows_lost: lost }) => (
          <p>{`${(back as string[]).join(', ')} taken back; ${String(lost)} rows or values lost.`}</p>
        )}
      </OperationView>
      <h3>On the command line</h3>
      <ToType text="npx holdfast rollback plan" />
    </>
  )
}

function PlanView({ plan }: { readonly plan: Plan }) {
  if (plan.steps.length === 0) return <p>Nothing is applied that could be taken back.</p>
  return (
    <>
      {plan.steps.map(({ id, verdict, reasons, at_risk: risk, dependents, statements }) => (
        <section key={id}>
          <h3>
            <span class={`tag ${TONES[verdict]}`}>{verdict}</span> <code>{id}</code>
          </h3>
          <ul class="checks">
            {reasons.map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
            {risk.map(({ object, kind, rows, is_estimate: isEstimate }) => (
              <li key={object}>
                {isEstimate ? 'about ' : ''}
                {rows} {kind} of {object} would be lost
              </li>
            ))}
            {dependents.map((one) => (
              <li key={one}>{one} is built on it</li>
            ))}
            {statements.map(({ line, lock, blocks }) => (
              <li key={line}>
                line {line} takes {lock ?? 'no lock'}
                {blocks && `: blocks ${blocks.what} on ${blocks.tables.join(', ')}`}
              </li>
            ))}
          </ul>
        </section>
      ))}
      {plan.verdict === 'lossy' && (
        <p>
          {plan.rows_at_risk} rows or values are at risk now. It refuses when there are more than{' '}
          {plan.row_limit}, and what is lost cannot be brought back from here.
        </p>
      )}
      {plan.verdict === 'blocked' && <p>It cannot be taken back until that is out of the way.</p>}
    </>
  )
}

/** Whether somebody changed the structure by hand. */
export function Drift({ operations, changed }: Acting) {
  const last = latestOf(operations, 'migrations.drift')
  return (
    <Card
      title="Drift"
      span={5}
      size="lines"
      definitions={DRIFT_DEFINITIONS}
      staleMs={ageOf(operations.state.value)}
    >
      <Loaded resource={operations} lines={5}>
        {() => (
          <>
            {!last && (
              <p class="good">Whether the structure is what the migrations built was not compared yet.</p>
            )}
            <OperationView operation={last}>
              {(result) => <Differences words={result.differences as string[]} />}
            </OperationView>
            <Act
              needs="operator"
              label={last ? 'Compare again' : 'Compare with the migrations'}
              isDisabled={last?.state === 'running'}
              act={async () => {
                remember(await ask('POST /v1/database/migrations/drift'))
              }}
              done={changed}
            />
          </>
        )}
      </Loaded>
    </Card>
  )
}

function Differences({ words }: { readonly words: readonly string[] }) {
  if (words.length === 0) return <p class="good">The structure is what the migrations built.</p>
  return (
    <>
      <p>
        <b>{words.length === 1 ? 'One difference:' : `${words.length} differences:`}</b>
      </p>
      <ul class="checks">
        {words.map((one) => (
          <li key={one}>{one}</li>
        ))}
      </ul>
    </>
  )
}
