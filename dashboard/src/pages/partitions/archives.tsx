import { ask } from '../../api/client.ts'
import { live } from '../../live/stream.ts'
import { Act } from '../../parts/act.tsx'
import { Loaded } from '../../parts/states.tsx'
import { count, inWords } from '../../words/figures.ts'
import { moment } from '../../words/times.ts'
import { latestOf, type OperationList, OperationView, remember } from '../operation.tsx'
import { useArchivesOf } from './data.ts'

const MOST_SHOWN = 12

/** What of a table was archived, and brings it back. */
export function Archives({
  table,
  attached,
  operations,
  changed,
}: {
  readonly table: string
  /** Names of partitions that are there: they need not be brought back. */
  readonly attached: ReadonlySet<string>
  readonly operations: OperationList
  readonly changed: () => void
}) {
  const archives = useArchivesOf(table)
  const restoring = latestOf(operations, 'partitions.restore-archive')
  return (
    <>
      <h3>Archives</h3>
      <Loaded resource={archives} lines={3}>
        {({ data }) =>
          data.length === 0 ? (
            <p>Nothing of it was archived.</p>
          ) : (
            <ul class="checks">
              {data.slice(0, MOST_SHOWN).map(({ partition, manifest, rows, archived_at: at }) => (
                <li key={manifest}>
                  <b>{partition}</b>, {inWords(count(rows))} rows, {moment(Date.parse(at), live.now.value)}
                  <p>
                    <code>{manifest}</code>
                  </p>
                  {!attached.has(partition) && (
                    <Act
                      needs="admin"
                      label={`Bring ${partition} back`}
                      isDisabled={restoring?.state === 'running'}
                      act={async () => {
                        const body = { table, partition }
                        remember(await ask('POST /v1/database/partitions/restore-archive', { body }))
                      }}
                      done={() => {
                        archives.refresh()
                        changed()
                      }}
                    />
                  )}
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      <OperationView operation={restoring}>
        {({ partition, rows }) => (
          <p>{`${String(partition)} is there again, with ${inWords(count(rows as number))} rows.`}</p>
        )}
      </OperationView>
    </>
  )
}
