import type { Dashboard, Panel } from './panels.ts'

const SOURCE = { type: 'prometheus', uid: '${source}' }
const WIDTH = 24
const STAT = { w: 6, h: 4 }
const CHART = { w: 12, h: 8 }
const TABLE = { w: WIDTH, h: 10 }
const SIZES = { stat: STAT, timeseries: CHART, table: TABLE }

/** A choice at the head of a dashboard. */
const choice = (name: string, label: string, metric: string) => ({
  name,
  label,
  type: 'query',
  datasource: SOURCE,
  query: { query: `label_values(${metric}, ${name})`, refId: name },
  definition: `label_values(${metric}, ${name})`,
  includeAll: true,
  multi: true,
  allValue: '.*',
  current: { text: 'All', value: '$__all' },
  refresh: 2,
  sort: 1,
})

const CHOICES: Readonly<Record<string, ReturnType<typeof choice>>> = {
  database: choice('database', 'Database', 'holdfast_database_size_bytes'),
  instance: choice('instance', 'Process', 'holdfast_pool_size'),
  pool: choice('pool', 'Pool', 'holdfast_pool_size'),
}

/** A dashboard as Grafana imports it: it asks for a Prometheus. */
export function asGrafana({ id, title, panels }: Dashboard): object {
  const queries = panels.flatMap((panel) => panel.queries.map(({ expr }) => expr)).join('\n')
  return {
    uid: id,
    title,
    tags: ['holdfast', 'postgresql'],
    schemaVersion: 39,
    editable: true,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: {
      list: [
        { name: 'source', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
        ...Object.entries(CHOICES).flatMap(([name, one]) => (queries.includes(`"$${name}"`) ? [one] : [])),
      ],
    },
    panels: placed(panels).map(({ panel, gridPos }, index) => asPanel(panel, gridPos, index + 1)),
  }
}

interface GridPos {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

/** From left to right, line by line. */
function placed(panels: readonly Panel[]): { panel: Panel; gridPos: GridPos }[] {
  let [x, y, height] = [0, 0, 0]
  return panels.map((panel) => {
    const { w, h } = SIZES[panel.kind]
    if (x + w > WIDTH) [x, y, height] = [0, y + height, 0]
    const gridPos = { x, y, w, h }
    x += w
    height = Math.max(height, h)
    return { panel, gridPos }
  })
}

function asPanel({ title, means, unit, kind, queries }: Panel, gridPos: GridPos, id: number): object {
  return {
    id,
    title,
    description: means,
    type: kind,
    datasource: SOURCE,
    gridPos,
    fieldConfig: {
      defaults: { unit, ...(kind === 'timeseries' && { min: 0, custom: { lineWidth: 1, fillOpacity: 0 } }) },
      overrides: [],
    },
    options:
      kind === 'timeseries'
        ? {
            legend: { displayMode: 'list', placement: 'bottom', calcs: ['lastNotNull'] },
            tooltip: { mode: 'multi' },
          }
        : {},
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCodePoint(65 + index),
      datasource: SOURCE,
      expr,
      ...(legend !== '' && { legendFormat: legend }),
      ...(kind !== 'timeseries' && { instant: true, format: kind === 'table' ? 'table' : 'time_series' }),
    })),
  }
}
