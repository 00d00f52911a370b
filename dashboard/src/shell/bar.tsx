import { live } from '../live/stream.ts'
import { identity } from '../live/identity.ts'
import { chooseRange, leaveSpan, type RangeName, RANGES, timeRange } from '../place/time-range.ts'
import { Choice } from '../parts/choice.tsx'
import { age, moment } from '../words/times.ts'

const RANGE_CHOICES = Object.entries(RANGES).map(([id, { label }]) => ({ id: id as RangeName, label }))

/** Where one is: the page, the database, the time; and whether what is seen is true. */
export function Bar({
  title,
  hasRange,
  onFind,
}: {
  readonly title: string
  readonly hasRange: boolean
  readonly onFind: () => void
}) {
  return (
    <header class="bar">
      <div class="where">
        <h1>{title}</h1>
        <Database />
      </div>
      <div class="tools">
        {hasRange && <Range />}
        <button type="button" class="find" onClick={onFind} aria-keyshortcuts="Control+K Meta+K">
          <span>
            Search<span class="long"> or run</span>
          </span>{' '}
          <kbd>Ctrl K</kbd>
        </button>
        <Liveness />
      </div>
    </header>
  )
}

/** Which database this is: nobody shall act on the wrong one. */
function Database() {
  const now = identity.value
  const isDown = live.isDown.value
  if (!now)
    return (
      <span class="db">{isDown ? <b class="down">PostgreSQL does not answer</b> : <i class="bone" />}</span>
    )
  const tone = live.isStale.value ? '' : isDown ? 'crit' : 'ok'
  const about = [`PostgreSQL ${now.server_version}`, now.role, now.address ?? 'local socket'].join(' · ')
  return (
    <span class="db">
      <i
        class={`dot ${tone}`}
        role="img"
        aria-label={isDown ? 'does not answer' : tone === '' ? 'not known now' : 'answers'}
      />
      <b>{now.database}</b> <em title={about}>{isDown ? 'does not answer' : about}</em>
    </span>
  )
}

function Range() {
  const range = timeRange.value
  if (range.kind === 'span')
    return (
      <button type="button" class="seg span" onClick={leaveSpan}>
        {moment(range.fromMs, live.now.value)} to {moment(range.toMs, live.now.value)} <b>back to now</b>
      </button>
    )
  return <Choice label="Time range" options={RANGE_CHOICES} chosen={range.name} choose={chooseRange} />
}

/** Whether the picture is live, and if not, how old it is. */
function Liveness() {
  const state = live.state.value
  const isDown = live.isDown.value
  const words = {
    connecting: 'connecting',
    paused: 'paused',
    stale: `stale, ${age(live.ageMs.value)} old`,
    live: isDown ? 'database down' : 'live',
  }[state]
  const tone = { connecting: '', paused: '', stale: 'warn', live: isDown ? 'crit' : 'ok' }[state]
  return (
    <span class="live" data-state={state}>
      <i class={`dot ${tone} ${state === 'live' ? 'pulse' : ''}`} aria-hidden="true" />
      {words}
      <span class="spoken" role="status">
        {state === 'stale' ? 'The picture is no longer live.' : ''}
      </span>
    </span>
  )
}
