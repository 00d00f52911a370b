import type { ComponentChildren } from 'preact'
import { Card } from '../../parts/card.tsx'
import { Gauge } from '../../parts/gauge.tsx'
import { Legend } from '../../parts/legend.tsx'
import { count, duration, inWords } from '../../words/figures.ts'
import { LANE_DEFINITIONS, POOL_PAGE_DEFINITIONS } from './definitions.ts'
import type { PoolPicture } from './picture.ts'

/** How the pool's connections are used. */
export function GaugeCard({
  pool,
  tools,
  staleMs,
}: {
  readonly pool: PoolPicture
  readonly tools: ComponentChildren
  readonly staleMs: number | undefined
}) {
  const { checked_out: busy, checked_in: idle, connecting, pool_size: size, max_overflow: overflow } = pool
  return (
    <Card
      title="Connections"
      span={7}
      size="tall"
      note={`${size} kept + ${overflow} overflow${pool.is_drained ? ', drained' : ''}`}
      definitions={POOL_PAGE_DEFINITIONS}
      tools={tools}
      staleMs={staleMs}
    >
      <Gauge
        of="Connections"
        stretches={[
          { label: 'in use', value: busy, tone: 'c1' },
          { label: 'opening', value: connecting, tone: 'c2' },
          { label: 'idle', value: idle, tone: 'c4' },
          { label: 'free', value: Math.max(0, size + overflow - busy - idle - connecting), tone: 'sunken' },
        ]}
        markAt={size}
      />
      <Legend
        entries={[
          { label: 'in use', tone: 'c1', figure: count(busy) },
          { label: 'opening', tone: 'c2', figure: count(connecting) },
          { label: 'idle', tone: 'c4', figure: count(idle) },
          { label: 'waiting', figure: count(pool.waiting) },
          { label: 'mean wait', figure: duration(pool.mean_wait_ms) },
          { label: 'mean hold', figure: duration(pool.mean_hold_ms) },
        ]}
      />
      <div class="foot">
        <Legend
          entries={[
            { label: 'checkouts', figure: count(pool.acquired) },
            { label: 'timed out', figure: count(pool.acquire_timeouts) },
            { label: 'leaked', figure: count(pool.leaks) },
            { label: 'left open', figure: count(pool.dirty_releases) },
            { label: 'recycled', figure: count(pool.recycled) },
            { label: 'failed', figure: count(pool.connect_failures) },
          ]}
        />
      </div>
    </Card>
  )
}

/** What the lanes carry, and where connections go. */
export function LanesCard({
  pool,
  staleMs,
}: {
  readonly pool: PoolPicture
  readonly staleMs: number | undefined
}) {
  const { lanes, rides, servers, replicas } = pool
  const deepest = Math.max(1, ...lanes.map(({ depth }) => depth))
  return (
    <Card
      title="Lanes"
      span={5}
      size="tall"
      note={`${inWords(count(rides))} rides`}
      definitions={LANE_DEFINITIONS}
      staleMs={staleMs}
    >
      <ul class="lanes">
        {lanes.length === 0 && <li class="none">No lane is open: nobody else is there at the same time.</li>}
        {lanes.map(({ depth, head_ms: head, state }, index) => (
          <li key={index}>
            <span class="name">{`lane ${index + 1}`}</span>
            <i style={{ width: `${(depth / deepest) * 100}%` }} />
            <span class="what">
              {state === 'open' ? `${depth} on their way` : state}
              {head !== null && `, ${inWords(duration(head))}`}
            </span>
          </li>
        ))}
      </ul>
      <ul class="servers foot">
        {servers.map(({ name, role, problem, evictions }) => (
          <li key={name}>
            <b>{name}</b> {role === 'unknown' ? 'server' : role}
            {problem !== null && <em> {problem}</em>}
            {evictions > 0 && ` · given up ${evictions} times`}
          </li>
        ))}
        {replicas.map(({ name, is_used: isUsed, reason, lag_bytes: lag, latency_ms: latency }) => (
          <li key={name}>
            <b>{name}</b> replica{' '}
            {isUsed ? (
              `${lag === null ? 'lag unknown' : `${inWords(count(lag))} bytes behind`}, ${inWords(duration(latency))}`
            ) : (
              <em>not used: {reason}</em>
            )}
          </li>
        ))}
      </ul>
    </Card>
  )
}
