import { ask } from '../../api/client.ts'
import { Act } from '../../parts/act.tsx'
import { ToType } from '../../parts/copy.tsx'
import { latestOf, type OperationList, OperationView, remember } from '../operation.tsx'

interface Tended {
  readonly table: string
  readonly outcome: 'done' | 'replica' | 'busy' | 'failed'
  readonly error: string | null
}

const OUTCOMES = {
  done: '',
  replica: 'this is a replica: nothing may be done here',
  busy: 'somebody else does it just now',
  failed: 'failed',
} as const

/** Looks after all tables now: what is due is made, what is too old is taken away. */
export function Upkeep({
  operations,
  changed,
}: {
  readonly operations: OperationList
  readonly changed: () => void
}) {
  const making = latestOf(operations, 'partitions.maintain')
  const taking = latestOf(operations, 'partitions.retain')
  return (
    <>
      <p>
        “holdfast serve” does this by itself, every hour unless told otherwise. Two at once do it once; what
        finds a table busy gives way to traffic.
      </p>
      <h3>Make what is due</h3>
      <p>
        Makes partitions ahead, fills gaps, empties default partitions, finishes removals that were begun.
      </p>
      <Act
        needs="operator"
        label="Make what is due"
        isDisabled={making?.state === 'running'}
        act={async () => {
          remember(await ask('POST /v1/database/partitions/maintain', { body: {} }))
        }}
        done={changed}
      />
      <OperationView operation={making}>
        {({ tables }) => (
          <Outcomes
            tables={tables as (Tended & { made: string[]; notes: string[] })[]}
            words={({ made, notes }) =>
              [made.length === 0 ? 'nothing was due' : `made ${made.join(', ')}`, ...notes].join('; ')
            }
          />
        )}
      </OperationView>
      <h3>Take away what is too old</h3>
      <p>As each table’s retention says. What is dropped without an archive is gone.</p>
      <Act
        needs="admin"
        label="Take away what is too old"
        confirm="take away"
        isDisabled={taking?.state === 'running'}
        act={async () => {
          remember(await ask('POST /v1/database/partitions/retain', { body: {} }))
        }}
        done={changed}
      />
      <OperationView operation={taking}>
        {({ tables }) => (
          <Outcomes
            tables={tables as (Tended & { detached: string[]; dropped: string[] })[]}
            words={({ detached, dropped }) =>
              [
                ...(detached.length > 0 ? [`taken out: ${detached.join(', ')}`] : []),
                ...(dropped.length > 0 ? [`dropped: ${dropped.join(', ')}`] : []),
              ].join('; ') || 'nothing was too old'
            }
          />
        )}
      </OperationView>
      <h3>On the command line</h3>
      <ToType text={'npx holdfast partition maintain\nnpx holdfast partition retain'} />
    </>
  )
}

function Outcomes<T extends Tended>({
  tables,
  words,
}: {
  readonly tables: readonly T[]
  readonly words: (table: T) => string
}) {
  if (tables.length === 0) return <p>No table is under upkeep.</p>
  return (
    <ul class="checks">
      {tables.map((one) => (
        <li key={one.table}>
          <b>{one.table}</b>: {one.outcome === 'done' ? words(one) : (one.error ?? OUTCOMES[one.outcome])}
        </li>
      ))}
    </ul>
  )
}
