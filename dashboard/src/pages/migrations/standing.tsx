import type { LiveResource } from '../../api/resource.ts'
import { Standing } from '../../parts/standing.tsx'
import type { ToDo } from '../../parts/to-do.tsx'
import { setQuery } from '../../place/router.ts'
import type { Backfills } from './backfills.tsx'
import type { Migration, Migrations } from './list.tsx'
import { type PendingList, type PendingRow, pendingRows } from './pending.tsx'

interface StandingProps {
  readonly list: LiveResource<Migrations>
  readonly pending: LiveResource<PendingList>
  readonly backfills: LiveResource<Backfills>
}

/** How the migrations stand, in a sentence, and what to do. */
export function MigrationsStanding({ list, pending, backfills }: StandingProps) {
  return (
    <Standing
      resource={list}
      sentence={({ data }) => sentence(data)}
      failed="How the migrations stand cannot be told."
      things={(data) => thingsToDo(data, pending.state.value.data, backfills.state.value.data)}
      isAllKnown={[pending, backfills].every(
        ({ state: { value } }) => (value.data ?? value.error) !== undefined,
      )}
      tools={({ data }) =>
        data.some(({ state }) => state === 'applied') && (
          <button type="button" class="quiet" onClick={() => setQuery({ open: 'rollback' })}>
            Take the last back
          </button>
        )
      }
    />
  )
}

function sentence(all: readonly Migration[]): string {
  const of = (state: Migration['state']): number => all.filter((one) => one.state === state).length
  const wrong = of('interrupted') + of('changed')
  if (wrong > 0) return `${wrong === 1 ? 'One migration needs' : `${wrong} migrations need`} a person.`
  const pending = of('pending')
  if (pending > 0) return `${pending === 1 ? 'One migration is' : `${pending} migrations are`} pending.`
  if (all.length < 2)
    return all.length === 0 ? 'There are no migrations yet.' : 'The only migration is applied.'
  return `All ${all.length} migrations are applied.`
}

const opener = (open: string) => (): void => setQuery({ open })

function thingsToDo(
  list: Migrations,
  pending: PendingList | undefined,
  backfills: Backfills | undefined,
): ToDo[] {
  return [
    ...list.data.flatMap(wrongWith),
    ...(backfills?.data ?? []).flatMap(failedBackfill),
    ...(pending ? pendingRows(pending) : []).flatMap(badFindings),
    ...waiting(list.data),
  ]
}

function wrongWith({ id, state, last_error: failed }: Migration): ToDo[] {
  const thing = (severity: ToDo['severity'], text: string, action = 'See it'): ToDo[] => [
    { key: id, severity, text: `${id} ${text}`, action, run: opener(`migration:${id}`) },
  ]
  if (state === 'interrupted') return thing('error', 'stopped midway: some of it is applied')
  if (state === 'changed') return thing('error', 'is not what ran: its file changed afterwards')
  if (state === 'missing') return thing('warning', 'ran here, and its folder is gone')
  return state === 'pending' && failed !== null
    ? thing('warning', `failed last time: ${failed}`, 'See why')
    : []
}

function failedBackfill({ id, state, error }: Backfills['data'][number]): ToDo[] {
  if (state !== 'failed') return []
  const text = `the backfill of ${id} failed: ${error ?? ''}`
  return [{ key: `backfill ${id}`, severity: 'error', text, action: 'See it', run: opener(`backfill:${id}`) }]
}

function badFindings({ key, id, statement }: PendingRow): ToDo[] {
  return (statement?.findings ?? [])
    .filter(({ severity }) => severity !== 'info')
    .map(({ rule, severity, message }) => ({
      key: key + rule,
      severity,
      text: `${id}: ${message}`,
      action: 'See the safe way',
      run: opener(key),
    }))
}

function waiting(all: readonly Migration[]): ToDo[] {
  const count = all.filter(({ state }) => state === 'pending').length
  if (count === 0) return []
  const text = count === 1 ? 'one migration waits to be run' : `${count} migrations wait to be run`
  return [
    { key: 'run', severity: 'info', text, action: count === 1 ? 'Run it' : 'Run them', run: opener('run') },
  ]
}
