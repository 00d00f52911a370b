import type { LiveResource } from '../../api/resource.ts'
import { ageOf } from '../../live/freshness.ts'
import { Failed, Loading } from '../../parts/states.tsx'
import { setQuery } from '../../place/router.ts'
import { age } from '../../words/times.ts'
import type { Backfills } from './backfills.tsx'
import type { Migration, Migrations } from './list.tsx'
import { type PendingList, pendingRows } from './pending.tsx'

/** At most so many things to do, worst first. */
const MOST_TOLD = 5

interface ToDo {
  readonly key: string
  readonly severity: 'error' | 'warning' | 'info'
  readonly text: string
  /** What its button says, and what it opens. */
  readonly action: string
  readonly open: string
}

interface StandingProps {
  readonly list: LiveResource<Migrations>
  readonly pending: LiveResource<PendingList>
  readonly backfills: LiveResource<Backfills>
}

/** How the migrations stand, in a sentence, and what to do. */
export function Standing({ list, pending, backfills }: StandingProps) {
  const { data, error, failingSince } = list.state.value
  const staleMs = ageOf(list.state.value)
  const things = data
    ? thingsToDo(data, pending.state.value.data, backfills.state.value.data).slice(0, MOST_TOLD)
    : []
  return (
    <section class="card span12 standing" aria-labelledby="standing" data-stale={staleMs !== undefined}>
      <header>
        <h2 id="standing">
          {data ? (
            sentence(data.data)
          ) : error ? (
            'How the migrations stand cannot be told.'
          ) : (
            <i class="bone" />
          )}
        </h2>
        {staleMs !== undefined && <span class="age">{age(staleMs)} old</span>}
        <span class="tools">
          {data?.data.some(({ state }) => state === 'applied') && (
            <button type="button" class="quiet" onClick={() => setQuery({ open: 'rollback' })}>
              Take the last back
            </button>
          )}
        </span>
      </header>
      <div class="body">
        {data ? (
          <ToDoList things={things} />
        ) : error ? (
          <Failed error={error} since={failingSince} retry={() => list.refresh()} />
        ) : (
          <Loading lines={2} />
        )}
      </div>
    </section>
  )
}

function sentence(all: readonly Migration[]): string {
  const of = (state: Migration['state']): number => all.filter((one) => one.state === state).length
  const wrong = of('interrupted') + of('changed')
  if (wrong > 0) return `${wrong === 1 ? 'One migration needs' : `${wrong} migrations need`} a person.`
  const pending = of('pending')
  if (pending > 0) return `${pending === 1 ? 'One migration is' : `${pending} migrations are`} pending.`
  return all.length === 0 ? 'There are no migrations yet.' : `All ${all.length} migrations are applied.`
}

function thingsToDo(
  { data: all }: Migrations,
  pending: PendingList | undefined,
  backfills: Backfills | undefined,
): ToDo[] {
  const things: ToDo[] = []
  for (const { id, state, last_error: failed } of all) {
    const open = `migration:${id}`
    if (state === 'interrupted')
      things.push({
        key: id,
        severity: 'error',
        text: `${id} stopped midway: some of it is applied`,
        action: 'See it',
        open,
      })
    if (state === 'changed')
      things.push({
        key: id,
        severity: 'error',
        text: `${id} is not what ran: its file changed afterwards`,
        action: 'See it',
        open,
      })
    if (state === 'missing')
      things.push({
        key: id,
        severity: 'warning',
        text: `${id} ran here, and its folder is gone`,
        action: 'See it',
        open,
      })
    if (state === 'pending' && failed !== null)
      things.push({
        key: id,
        severity: 'warning',
        text: `${id} failed last time: ${failed}`,
        action: 'See why',
        open,
      })
  }
  for (const { id, state, error } of backfills?.data ?? [])
    if (state === 'failed')
      things.push({
        key: `b${id}`,
        severity: 'error',
        text: `the backfill of ${id} failed: ${error ?? ''}`,
        action: 'See it',
        open: `backfill:${id}`,
      })
  for (const row of pending ? pendingRows(pending) : [])
    for (const { rule, severity, message } of row.statement?.findings ?? [])
      if (severity !== 'info')
        things.push({
          key: row.key + rule,
          severity,
          text: `${row.id}: ${message}`,
          action: 'See the safe way',
          open: row.key,
        })
  const count = all.filter(({ state }) => state === 'pending').length
  if (count > 0)
    things.push({
      key: 'run',
      severity: 'info',
      text: `${count === 1 ? 'one migration waits' : `${count} migrations wait`} to be run`,
      action: count === 1 ? 'Run it' : 'Run them',
      open: 'run',
    })
  const order = ['error', 'warning', 'info']
  return things.toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity))
}

function ToDoList({ things }: { readonly things: readonly ToDo[] }) {
  if (things.length === 0) return <p class="good">Nothing needs you here.</p>
  return (
    <ol class="todo">
      {things.map(({ key, severity, text, action, open }) => (
        <li key={key}>
          <i class={`mark ${severity}`} role="img" aria-label={severity} />
          <span title={text}>{text}</span>
          <button type="button" class="do" onClick={() => setQuery({ open })}>
            {action}
          </button>
        </li>
      ))}
    </ol>
  )
}
