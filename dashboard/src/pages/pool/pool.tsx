import { ask } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { ageOf } from '../../live/freshness.ts'
import { Card } from '../../parts/card.tsx'
import { Choice } from '../../parts/choice.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Loaded } from '../../parts/states.tsx'
import { query, setQuery } from '../../place/router.ts'
import { ADVICE_DEFINITIONS } from './definitions.ts'
import { GaugeCard, LanesCard } from './gauge-card.tsx'
import { Holders, Leaks, Waiters } from './lists.tsx'
import { Maintenance } from './maintenance.tsx'
import type { PoolAdvice, PoolPicture } from './picture.ts'
import { keyOfStatement, PoolStatementDetail, StatementTable, usePoolStatements } from './statement-table.tsx'

const MAINTENANCE = 'maintenance'

/** The pools of this process: use, lanes, who waits, who holds, leaks, statements, advice. */
export function Pool() {
  const resource = useResource('pools', (signal) => ask('GET /v1/database/pools', { signal }), 2_000)
  const { data } = resource.state.value
  const name = query.value.get('pool') ?? data?.data[0]?.name ?? 'default'
  const pool = data?.data.find((one) => one.name === name)
  const statements = usePoolStatements(name)
  const staleMs = ageOf(resource.state.value)
  if (data === undefined || pool === undefined)
    return (
      <Card title="Connections" span={12} size="tall">
        <Loaded resource={resource} lines={6}>
          {() => <p class="state">{`There is no pool "${name}" in this process.`}</p>}
        </Loaded>
      </Card>
    )
  const tools = (
    <button type="button" class="quiet" onClick={() => setQuery({ open: MAINTENANCE })}>
      {pool.is_drained ? 'Resume' : 'Drain'}
    </button>
  )
  return (
    <>
      {data.data.length > 1 && (
        <div class="pools">
          <Choice
            label="Pool"
            options={data.data.map((one) => ({ id: one.name, label: one.name }))}
            chosen={name}
            choose={(id) => setQuery({ pool: id, open: undefined })}
          />
        </div>
      )}
      <GaugeCard pool={pool} tools={tools} staleMs={staleMs} />
      <LanesCard pool={pool} staleMs={staleMs} />
      <Holders pool={pool} staleMs={staleMs} />
      <Waiters pool={pool} staleMs={staleMs} />
      <StatementTable {...statements} />
      <Leaks pool={pool} staleMs={staleMs} />
      <AdviceCard name={name} />
      <Detail pool={pool} statements={statements} changed={() => resource.refresh()} />
    </>
  )
}

function AdviceCard({ name }: { readonly name: string }) {
  const resource = useResource(
    `advice ${name}`,
    (signal) => ask('GET /v1/database/performance/pool-advice', { query: { pool: name }, signal }),
    30_000,
  )
  return (
    <Card
      title="Size"
      span={5}
      size="lines"
      definitions={ADVICE_DEFINITIONS}
      staleMs={ageOf(resource.state.value)}
    >
      <Loaded resource={resource} lines={5}>
        {(advice) => <Advice advice={advice} />}
      </Loaded>
    </Card>
  )
}

function Advice({ advice }: { readonly advice: PoolAdvice }) {
  const { pool_size: size, max_overflow: overflow, current, is_founded: isFounded, reasons, fit } = advice
  const isRight = size === current.pool_size && overflow === current.max_overflow
  return (
    <div class="advice">
      <p>
        <b>
          {!isRight
            ? `${size} + ${overflow} instead of ${current.pool_size} + ${current.max_overflow}.`
            : isFounded
              ? `${size} + ${overflow} is right.`
              : `Stay with ${size} + ${overflow} for now.`}
        </b>
      </p>
      <ul>
        {reasons.map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
        {fit !== null && <li>{fit.arithmetic}.</li>}
      </ul>
    </div>
  )
}

function Detail({
  pool,
  statements,
  changed,
}: {
  readonly pool: PoolPicture
  readonly statements: ReturnType<typeof usePoolStatements>
  readonly changed: () => void
}) {
  const open = query.value.get('open') ?? undefined
  if (open === undefined) return null
  const close = (): void => setQuery({ open: undefined })
  if (open === MAINTENANCE)
    return (
      <Panel title="Maintenance window" onClose={close}>
        <Maintenance pool={pool} changed={changed} />
      </Panel>
    )
  const row = statements.resource.state.value.data?.data.find((one) => keyOfStatement(one) === open)
  if (!statements.resource.state.value.data) return null
  return (
    <Panel title={statements.kind === 'label' ? (row?.key ?? 'Detail') : 'Statement'} onClose={close}>
      {row ? <PoolStatementDetail row={row} kind={statements.kind} /> : <p>This is no longer in the list.</p>}
    </Panel>
  )
}
