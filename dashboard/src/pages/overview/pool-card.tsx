import type { PoolEvent } from '../../api/operations.ts'
import type { PoolSeries } from '../../live/history.ts'
import type { TimeWindow } from '../../live/window.ts'
import { Card } from '../../parts/card.tsx'
import { Gauge } from '../../parts/gauge.tsx'
import { Legend } from '../../parts/legend.tsx'
import { Loading } from '../../parts/states.tsx'
import { count, duration } from '../../words/figures.ts'
import { POOL_DEFINITIONS } from './definitions.ts'

const MINUTE_OF_SAMPLES = 60

/** The pool as it is now. */
export function PoolCard({
  pool,
  window,
  staleMs,
}: {
  readonly pool: PoolEvent | undefined
  readonly window: TimeWindow<PoolSeries> | undefined
  readonly staleMs: number | undefined
}) {
  return (
    <Card
      title="Pool"
      span={7}
      size="tall"
      note={pool && `${pool.pool_size} kept + ${pool.max_overflow} overflow`}
      definitions={POOL_DEFINITIONS}
      staleMs={staleMs}
    >
      {pool ? <Picture pool={pool} window={window} /> : <Loading lines={4} />}
    </Card>
  )
}

function Picture({
  pool,
  window,
}: {
  readonly pool: PoolEvent
  readonly window: TimeWindow<PoolSeries> | undefined
}) {
  const used = pool.checked_out + pool.checked_in + pool.connecting
  const free = Math.max(0, pool.pool_size + pool.max_overflow - used)
  return (
    <>
      <Gauge
        of="Connections"
        stretches={[
          { label: 'in use', value: pool.checked_out, tone: 'c1' },
          { label: 'opening', value: pool.connecting, tone: 'c2' },
          { label: 'idle', value: pool.checked_in, tone: 'c4' },
          { label: 'free', value: free, tone: 'sunken' },
        ]}
        markAt={pool.pool_size}
      />
      <Legend
        entries={[
          { label: 'in use', tone: 'c1', figure: count(pool.checked_out) },
          { label: 'opening', tone: 'c2', figure: count(pool.connecting) },
          { label: 'idle', tone: 'c4', figure: count(pool.checked_in) },
          { label: 'waiting', figure: count(pool.waiting) },
          { label: 'wait p99', figure: duration(highestOfMinute(window, 'wait_p99_ms')) },
          { label: 'hold p99', figure: duration(highestOfMinute(window, 'hold_p99_ms')) },
        ]}
      />
      <div class="foot">
        <Legend
          entries={[
            { label: 'checkouts', figure: count(pool.acquired) },
            { label: 'timed out', figure: count(pool.acquire_timeouts) },
            { label: 'left open', figure: count(pool.dirty_releases) },
            { label: 'failed', figure: count(pool.connect_failures) },
          ]}
        />
      </div>
    </>
  )
}

/** A percentile of one second says little at little traffic: the highest of the last minute. */
function highestOfMinute(window: TimeWindow<PoolSeries> | undefined, name: PoolSeries): number | null {
  const recent = (window?.series[name] ?? []).slice(-MINUTE_OF_SAMPLES).filter((value) => value !== null)
  return recent.length === 0 ? null : Math.max(...recent)
}
