import { ask } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { Empty } from '../../parts/states.tsx'
import { ListPage } from '../list-page.tsx'
import { useOperations } from '../operation.tsx'
import { keyOfTable, TABLE_COLUMNS, TABLE_DEFINITIONS, TableDetail } from '../table-list.tsx'
import { TableUse } from './detail.tsx'

const MOST = 5_000

/** Every table with its sizes. */
export function Tables() {
  const resource = useResource(
    'tables',
    (signal) => ask('GET /v1/database/tables', { query: { limit: MOST }, signal }),
    60_000,
  )
  const operations = useOperations(() => resource.refresh())
  return (
    <ListPage
      title="Tables"
      id="tables"
      label="Tables"
      definitions={TABLE_DEFINITIONS}
      resource={resource}
      rowsOf={({ data }) => data}
      columns={TABLE_COLUMNS}
      keyOf={keyOfTable}
      sort={{ column: 'total', isDescending: true }}
      empty={() => (
        <Empty title="This database has no tables yet.">Migrations make them: npx holdfast migrate up</Empty>
      )}
      detail={(table) => ({
        title: keyOfTable(table),
        body: (
          <>
            <TableDetail table={table} />
            <TableUse table={keyOfTable(table)} operations={operations} />
          </>
        ),
      })}
    />
  )
}
