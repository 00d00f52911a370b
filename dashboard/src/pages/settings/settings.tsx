import { type Answer, ask } from '../../api/client.ts'
import { type LiveResource, useResource } from '../../api/resource.ts'
import { Act } from '../../parts/act.tsx'
import { Card } from '../../parts/card.tsx'
import type { Definition } from '../../parts/meaning.tsx'
import { Facts, Panel } from '../../parts/panel.tsx'
import { Empty, Loaded } from '../../parts/states.tsx'
import type { Column } from '../../parts/table/column.ts'
import { ageOf } from '../../live/freshness.ts'
import { query, setQuery } from '../../place/router.ts'
import { bytes, duration, inWords } from '../../words/figures.ts'
import { instant } from '../../words/times.ts'
import { ListCard, rowAt } from '../list-card.tsx'
import { People } from './people.tsx'

type Configuration = Answer<'GET /v1/configuration'>
type Option = Configuration['data'][number]
type ServerSettings = Answer<'GET /v1/database/settings'>
type Setting = ServerSettings['data'][number]
type Status = Answer<'GET /v1/database/monitoring/status'>

const LINES = 14
const optionKey = ({ name }: Option): string => name
const settingKey = ({ name }: Setting): string => name
/** What nobody decided is not what one looks for. */
const isDecided = ({ source }: Option): boolean => source !== 'default'

const OPTIONS: readonly Column<Option>[] = [
  { id: 'name', title: 'Option', kind: 'code', value: ({ name }) => name },
  { id: 'value', title: 'Value', kind: 'code', width: 260, isMinor: true, value: ({ value }) => value },
  {
    id: 'source',
    title: 'Decided by',
    kind: 'text',
    width: 200,
    isMinor: true,
    value: ({ source }) => source,
    cell: (option) => <span class={isDecided(option) ? '' : 'dim'}>{option.source}</span>,
  },
]

const SETTINGS: readonly Column<Setting>[] = [
  { id: 'name', title: 'Setting', kind: 'code', value: ({ name }) => name },
  { id: 'value', title: 'Value', kind: 'code', width: 230, isMinor: true, value: ({ value }) => value },
  { id: 'usual', title: 'Usual', kind: 'code', width: 180, isExtra: true, value: ({ usual }) => usual },
  {
    id: 'source',
    title: 'Decided by',
    kind: 'text',
    width: 140,
    isExtra: true,
    value: ({ source }) => source,
  },
  {
    id: 'pending',
    title: 'In effect',
    kind: 'text',
    width: 110,
    isExtra: true,
    value: (one) => (one.is_pending_restart ? 'after a restart' : 'yes'),
    cell: (one) =>
      one.is_pending_restart ? <span class="tag warn">after a restart</span> : <span>yes</span>,
  },
]

const OPTION_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Decided by',
    means:
      'Arguments win over the environment, that over .env, that over the file, that over the default. Secrets are shown as ***.',
    source: 'holdfast config show',
    window: 'Since this process started.',
  },
]

const SETTING_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Usual',
    means:
      'What PostgreSQL comes with. What is not listed is as usual. Whether the values fit this machine: npx holdfast doctor --production.',
    source: 'pg_settings',
    window: 'Now.',
  },
]

/** Settings: what monitoring keeps, how Holdfast is set, and how the server is. */
export function Settings() {
  const status = useResource(
    'monitoring status',
    (signal) => ask('GET /v1/database/monitoring/status', { signal }),
    10_000,
  )
  const options = useResource('configuration', (signal) => ask('GET /v1/configuration', { signal }), 300_000)
  const settings = useResource('settings', (signal) => ask('GET /v1/database/settings', { signal }), 60_000)
  return (
    <>
      <Monitoring resource={status} />
      <People />
      <ListCard
        title="Holdfast"
        span={12}
        size="page"
        definitions={OPTION_DEFINITIONS}
        resource={options}
        rowsOf={({ data }) => data}
        id="options"
        columns={OPTIONS}
        keyOf={optionKey}
        hasTools
        lines={LINES}
        prefix="option:"
        empty={
          <Empty title="This process does not say how it is set.">Give the console its configuration.</Empty>
        }
      />
      <ListCard
        title="PostgreSQL"
        span={12}
        size="page"
        definitions={SETTING_DEFINITIONS}
        resource={settings}
        rowsOf={({ data }) => data}
        id="settings"
        columns={SETTINGS}
        keyOf={settingKey}
        hasTools
        lines={LINES}
        prefix="setting:"
        empty={<Empty title="Every setting is as PostgreSQL comes with it." />}
      />
      <Detail options={options} settings={settings} />
    </>
  )
}

const WORDS = {
  collecting: 'This process looks at the database and keeps what it sees.',
  'standing by': 'Another process looks at the database; this one keeps what it sees of itself.',
  stopped: 'Nothing is kept: the history has a gap from here on.',
} as const

function Monitoring({ resource }: { readonly resource: LiveResource<Status> }) {
  const changed = (): void => resource.refresh()
  return (
    <Card title="Monitoring" span={12} size="lines" staleMs={ageOf(resource.state.value)}>
      <Loaded resource={resource} lines={5}>
        {(status) => (
          <>
            <p>{status.problem ?? WORDS[status.state]}</p>
            <Facts
              facts={[
                ['State', status.state],
                ['Counters and statements', `every ${inWords(duration(status.interval_seconds * 1_000))}`],
                [
                  'Written last',
                  status.written_at === null ? 'not yet' : instant(Date.parse(status.written_at)),
                ],
                [
                  'Looking took, in the last minute',
                  status.last_minute_ms === null ? '–' : inWords(duration(status.last_minute_ms)),
                ],
                [
                  'The history takes',
                  status.history_bytes === null ? '–' : inWords(bytes(status.history_bytes)),
                ],
                [
                  'Left out',
                  status.skipped.length === 0
                    ? 'nothing'
                    : status.skipped
                        .map(({ look, times, reason }) => `${look}, ${times} times: ${reason}`)
                        .join('; '),
                ],
              ]}
            />
            {status.state === 'stopped' ? (
              <Act
                needs="operator"
                label="Keep a history"
                act={async () => {
                  await ask('POST /v1/database/monitoring/start')
                }}
                done={changed}
              />
            ) : (
              <Act
                needs="operator"
                label="Stop keeping a history"
                act={async () => {
                  await ask('POST /v1/database/monitoring/stop')
                }}
                done={changed}
              />
            )}
          </>
        )}
      </Loaded>
    </Card>
  )
}

function Detail({
  options,
  settings,
}: {
  readonly options: LiveResource<Configuration>
  readonly settings: LiveResource<ServerSettings>
}) {
  const open = query.value.get('open') ?? undefined
  const [configured, set] = [options.state.value.data, settings.state.value.data]
  const isOurs = open?.startsWith('option:') === true || open?.startsWith('setting:') === true
  if (!isOurs || configured === undefined || set === undefined) return null
  const option = rowAt(open, 'option:', configured.data, optionKey)
  const setting = rowAt(open, 'setting:', set.data, settingKey)
  return (
    <Panel title={option?.name ?? setting?.name ?? 'Detail'} onClose={() => setQuery({ open: undefined })}>
      {option ? (
        <Facts
          facts={[
            ['Value', <code key="value">{option.value}</code>],
            ['Decided by', option.source],
            ['In the environment', option.env.length === 0 ? '–' : option.env.join(', ')],
          ]}
        />
      ) : setting ? (
        <>
          <p>{setting.means}.</p>
          <Facts
            facts={[
              ['Value', <code key="value">{setting.value}</code>],
              ['Usual', <code key="usual">{setting.usual}</code>],
              ['Decided by', setting.source],
              ['A change takes effect', setting.needs_restart ? 'after a restart' : 'after a reload'],
              ['In effect', setting.is_pending_restart ? 'no: the server has to be restarted' : 'yes'],
            ]}
          />
        </>
      ) : (
        <p>This is no longer in the list.</p>
      )}
    </Panel>
  )
}
