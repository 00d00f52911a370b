import { useSignal } from '@preact/signals'
import { type Answer } from '../../api/client.ts'
import type { LiveResource } from '../../api/resource.ts'
import { ageOf } from '../../live/freshness.ts'
import { live } from '../../live/stream.ts'
import { Meaning } from '../../parts/meaning.tsx'
import { Failed, Loading } from '../../parts/states.tsx'
import { ToDoList } from '../../parts/to-do.tsx'
import { setQuery } from '../../place/router.ts'
import { age, instant, moment } from '../../words/times.ts'
import { VERDICT_DEFINITIONS } from './definitions.ts'

export type Summary = Answer<'GET /v1/database/monitoring/summary'>
export type Finding = Summary['findings'][number]

/** At most so many things to do; the first of them at once. */
const MOST_TOLD = 5
const TOLD_AT_ONCE = 3

/** The address of the list of what was looked at. */
export const CHECKS = 'checks'

/** The findings by the name in the address; of two alike the second has a number. */
export function findingsByKey(findings: readonly Finding[]): ReadonlyMap<string, Finding> {
  const byKey = new Map<string, Finding>()
  for (const finding of findings) {
    const name = `${finding.check}:${finding.subject}`
    const alike = [...byKey.keys()].filter((key) => key === name || key.startsWith(`${name}:`)).length
    byKey.set(alike === 0 ? name : `${name}:${alike + 1}`, finding)
  }
  return byKey
}

const ACTIONS: Readonly<Record<string, string>> = {
  'blocked-statements': 'See the lock',
  'idle-in-transaction': 'See the session',
  'pending-migrations': 'See what is pending',
  'own-schema': 'Install it',
  rights: 'See the grant',
}

/** How things stand, in a sentence, and what to do, worst first. */
export function Verdict({ summary }: { readonly summary: LiveResource<Summary> }) {
  const { data, error, failingSince } = summary.state.value
  const staleMs = ageOf(summary.state.value)
  const isDown = live.isDown.value && !live.isStale.value
  const areAllTold = useSignal(false)
  const more = Math.min(data?.findings.length ?? 0, MOST_TOLD) - TOLD_AT_ONCE
  return (
    <section
      class="card span12 verdict"
      aria-labelledby="verdict"
      data-stale={!isDown && staleMs !== undefined}
    >
      <Score score={isDown ? 0 : data?.score} isDown={isDown} />
      <div class="say">
        <header>
          <h2 id="verdict">
            {isDown ? (
              <Down />
            ) : data ? (
              sentence(data)
            ) : error ? (
              'How things stand cannot be told.'
            ) : (
              <i class="bone" />
            )}
          </h2>
          {!isDown && staleMs !== undefined && <span class="age">{age(staleMs)} old</span>}
          <span class="tools">
            {!isDown && more > 0 && !areAllTold.value && (
              <button type="button" class="do" onClick={() => (areAllTold.value = true)}>
                {more} more
              </button>
            )}
            <Meaning of="Health score" definitions={VERDICT_DEFINITIONS} />
          </span>
        </header>
        {isDown ? (
          <DownDetail />
        ) : data ? (
          <Findings summary={data} areAllTold={areAllTold.value} />
        ) : error ? (
          <Failed error={error} since={failingSince} retry={() => summary.refresh()} />
        ) : (
          <Loading lines={TOLD_AT_ONCE} />
        )}
      </div>
    </section>
  )
}

function sentence({ findings }: Summary): string {
  const now = findings.filter(({ severity }) => severity === 'error').length
  const all = now + findings.filter(({ severity }) => severity === 'warning').length
  if (all === 0) return 'Working well. Nothing needs you.'
  const things = all === 1 ? 'One thing needs you' : `${inLetters(all)} things need you`
  if (now === 0) return `Working. ${things}.`
  return all === now ? `${things}, now.` : `${things}, ${inLetters(now).toLowerCase()} of them now.`
}

const LETTERS = ['No', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine']
const inLetters = (number: number): string => LETTERS[number] ?? String(number)

function Score({ score, isDown }: { readonly score: number | undefined; readonly isDown: boolean }) {
  const around = 2 * Math.PI * 27
  const tone = isDown || (score ?? 100) < 50 ? 'crit' : (score ?? 100) < 80 ? 'warn' : ''
  return (
    <div
      class={`score ${tone}`}
      role="img"
      aria-label={score === undefined ? 'Health score not known yet' : `Health score ${score} of 100`}
    >
      <svg viewBox="0 0 64 64" aria-hidden="true">
        <circle cx="32" cy="32" r="27" />
        {score !== undefined && score > 0 && (
          <circle
            class="on"
            cx="32"
            cy="32"
            r="27"
            transform="rotate(-90 32 32)"
            stroke-dasharray={`${(score / 100) * around} ${around}`}
          />
        )}
      </svg>
      <b>{score ?? '–'}</b>
    </div>
  )
}

/** What the stream says about PostgreSQL, and since when. */
function Down() {
  const since = Date.parse(live.health.value?.since ?? '')
  return (
    <>
      PostgreSQL does not answer since{' '}
      <time dateTime={new Date(since).toISOString()} title={instant(since)}>
        {moment(since, live.now.value)}
      </time>{' '}
      ({age(live.now.value - since)}).
    </>
  )
}

function DownDetail() {
  return (
    <ol class="todo">
      <li>
        <i class="mark crit" role="img" aria-label="error" />
        <span>
          Every statement fails: <code>{live.health.value?.reason ?? 'no reason was given'}</code>
        </span>
      </li>
      <li>
        <i class="mark info" role="img" aria-label="info" />
        <span>
          Holdfast itself runs and asks every five seconds. What is below is the last that was known.
        </span>
      </li>
    </ol>
  )
}

function Findings({ summary, areAllTold }: { readonly summary: Summary; readonly areAllTold: boolean }) {
  const told = [...findingsByKey(summary.findings)].slice(0, areAllTold ? MOST_TOLD : TOLD_AT_ONCE)
  if (told.length === 0)
    return (
      <p class="good">
        {summary.good.length} checks found nothing wrong.{' '}
        <button type="button" class="do" onClick={() => setQuery({ open: CHECKS })}>
          See them
        </button>
      </p>
    )
  return (
    <ToDoList
      things={told.map(([key, { severity, message, check }]) => ({
        key,
        severity,
        text: message,
        action: ACTIONS[check] ?? 'See what to do',
        run: () => setQuery({ open: key }),
      }))}
    />
  )
}
