import type { LiveResource } from '../../api/resource.ts'
import { Standing } from '../../parts/standing.tsx'
import type { ToDo } from '../../parts/to-do.tsx'
import { type Conversion, opener, type PartitionedTable, type Partitions, placeInWords } from './data.ts'

/** How partitioned tables stand, in a sentence, and what to do. */
export function PartitionsStanding({ resource }: { readonly resource: LiveResource<Partitions> }) {
  return (
    <Standing
      resource={resource}
      sentence={sentence}
      failed="How the partitions stand cannot be told."
      things={({ data, conversions, broken_records: broken }) => [
        ...broken.map(unsound),
        ...data.flatMap(wrongWith),
        ...conversions.flatMap(unfinished),
      ]}
      tools={() => (
        <>
          <button type="button" class="quiet" onClick={opener('plan')}>
            Convert a table
          </button>
          <button type="button" class="quiet" onClick={opener('upkeep')}>
            Look after them now
          </button>
        </>
      )}
    />
  )
}

function sentence({ data, conversions }: Partitions): string {
  const running = conversions.find(({ state }) => state === 'running' || state === 'aborting')
  if (running)
    return `${running.table} is being converted: step ${running.step_number} of ${running.steps.length}.`
  const low = data.filter((one) => one.runs_low)
  const [first] = low
  if (first && low.length === 1)
    return first.takes_now === false
      ? `Inserts into ${first.table} fail: no partition takes what is written now.`
      : first.ahead === 0
        ? `Inserts into ${first.table} fail from ${placeInWords(first.ends_at ?? '')} on.`
        : `${first.table} runs low: ${first.ahead} ${first.ahead === 1 ? 'partition is' : 'partitions are'} ready.`
  if (low.length > 1) return `${low.length} tables run low on partitions.`
  const kept = data.filter(({ policy }) => policy !== null).length
  if (data.length === 0) return 'No table is partitioned yet.'
  if (kept === data.length)
    return kept === 1
      ? 'The partitioned table looks after itself.'
      : `All ${kept} partitioned tables look after themselves.`
  return `${kept} of ${data.length} partitioned tables look after themselves.`
}

const unsound = ({ table, record, why }: Partitions['broken_records'][number]): ToDo => ({
  key: `broken ${table} ${record}`,
  severity: 'error',
  text: `what is written down of ${table} (${record}) cannot be gone by: ${why}`,
  action: 'see the table',
  run: opener(`table:${table}`),
})

function wrongWith(one: PartitionedTable): ToDo[] {
  const { table, ahead, ends_at: end, takes_now: takesNow, policy, next } = one
  const things: ToDo[] = []
  if (one.runs_low)
    things.push({
      key: `low ${table}`,
      severity: takesNow === false || ahead === 0 ? 'error' : 'warning',
      text:
        takesNow === false
          ? `inserts into ${table} fail: no partition takes what is written now`
          : `inserts into ${table} fail from ${placeInWords(end ?? '')} on: ${ahead === 0 ? 'no partition is' : `only ${ahead} are`} ready behind the current one`,
      action: 'Make more',
      run: opener('upkeep'),
    })
  if (policy?.last_error)
    things.push({
      key: `failed ${table}`,
      severity: 'warning',
      text: `${table} could not be looked after: ${policy.last_error}`,
      action: 'Try again',
      run: opener('upkeep'),
    })
  const stray = next.find(({ action }) => action === 'drain')
  if (stray)
    things.push({
      key: `stray ${table}`,
      severity: 'info',
      text: `rows lie in ${stray.partitions.join(', ')}, the default partition of ${table}: none can be made where they belong`,
      action: 'Move them',
      run: opener('upkeep'),
    })
  if (policy === null)
    things.push({
      key: `loose ${table}`,
      severity: 'info',
      text: `nobody makes partitions of ${table} ahead`,
      action: 'See how',
      run: opener(`table:${table}`),
    })
  return things
}

function unfinished({ id, table, state, error, step, steps }: Conversion): ToDo[] {
  if (state !== 'running' && state !== 'aborting') return []
  const words = steps.find(({ name }) => name === step)?.words ?? 'it begins'
  return [
    {
      key: id,
      severity: error === null ? 'info' : 'error',
      text:
        error === null
          ? `${table} is being converted: ${words}`
          : `the conversion of ${table} stopped: ${error}`,
      action: error === null ? 'Follow it' : 'See the way on',
      run: opener(`conversion:${id}`),
    },
  ]
}
