import { ask } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { ageOf } from '../../live/freshness.ts'
import { Card } from '../../parts/card.tsx'
import { Empty, Loaded } from '../../parts/states.tsx'
import { ToDoList } from '../../parts/to-do.tsx'
import { addressOf, go } from '../../place/router.ts'
import { rangeQuery } from '../../place/time-range.ts'
import { CAPACITY_DEFINITIONS } from './definitions.ts'

const MOST = 4

/** What fires now. */
export function AlertsCard() {
  const resource = useResource(
    'firing',
    (signal) => ask('GET /v1/alerts', { query: { state: 'open', limit: MOST }, signal }),
    15_000,
  )
  const at = (open: string): string => addressOf('alerts', { ...rangeQuery(), open: `alert:${open}` })
  return (
    <Card
      title="Alerts"
      span={5}
      size="lines"
      staleMs={ageOf(resource.state.value)}
      tools={<a href={addressOf('alerts', rangeQuery())}>All alerts</a>}
    >
      <Loaded resource={resource} lines={MOST}>
        {({ data }) => {
          const firing = data.filter(({ state }) => state === 'firing').slice(0, MOST)
          return firing.length === 0 ? (
            <Empty title="No alert is open." />
          ) : (
            <ToDoList
              things={firing.map(({ id, severity, message }) => ({
                key: id,
                severity,
                text: message,
                action: 'Look at it',
                run: () => go(at(id)),
              }))}
            />
          )
        }}
      </Loaded>
    </Card>
  )
}

/** What will be full, going by its past. */
export function CapacityCard() {
  const resource = useResource(
    'capacity',
    (signal) => ask('GET /v1/database/performance/capacity', { signal }),
    300_000,
  )
  return (
    <Card
      title="Capacity"
      span={7}
      size="lines"
      definitions={CAPACITY_DEFINITIONS}
      staleMs={ageOf(resource.state.value)}
    >
      <Loaded resource={resource} lines={MOST}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty title="There is too little history to look ahead.">
              <p>After six hours of it there are first forecasts.</p>
            </Empty>
          ) : (
            <ul class="forecasts">
              {data.map(({ metric, in_words: words }) => (
                <li key={metric}>{words}</li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Card>
  )
}
