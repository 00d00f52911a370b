import type { ComponentChildren } from 'preact'
import type { LiveResource } from '../api/resource.ts'
import { ageOf } from '../live/freshness.ts'
import { Card, type CardProps } from '../parts/card.tsx'
import { Panel } from '../parts/panel.tsx'
import { Loaded } from '../parts/states.tsx'
import { Table, type TableProps } from '../parts/table/table.tsx'
import { query, setQuery } from '../place/router.ts'

type ListPageProps<T, Row> = Pick<CardProps, 'title' | 'note' | 'definitions' | 'tools'> &
  Pick<TableProps<Row>, 'id' | 'label' | 'columns' | 'keyOf' | 'sort'> & {
    readonly resource: LiveResource<T>
    readonly rowsOf: (data: T) => readonly Row[]
    /** What stands where rows would, when there are none. */
    readonly empty: (data: T) => ComponentChildren
    /** The panel beside the list. */
    readonly detail: (row: Row) => { readonly title: string; readonly body: ComponentChildren }
  }

const open = (key: string | undefined): void => setQuery({ open: key })

/** A page that is one list, with the detail of a row beside it. */
export function ListPage<T, Row>(props: ListPageProps<T, Row>) {
  const { resource, rowsOf, empty, detail, title, note, definitions, tools, ...table } = props
  const { data } = resource.state.value
  const openKey = query.value.get('open') ?? undefined
  const rows = data === undefined ? [] : rowsOf(data)
  const row = openKey === undefined ? undefined : rows.find((one) => props.keyOf(one) === openKey)
  const opened = row === undefined ? undefined : detail(row)
  return (
    <>
      <Card
        title={title}
        span={12}
        size="page"
        note={note}
        {...(definitions && { definitions })}
        tools={tools}
        staleMs={ageOf(resource.state.value)}
      >
        <Loaded resource={resource} lines={12}>
          {(answer) =>
            rows.length === 0 ? (
              empty(answer)
            ) : (
              <Table
                {...table}
                rows={rows}
                hasTools
                onOpen={(one) => open(props.keyOf(one))}
                openKey={openKey}
              />
            )
          }
        </Loaded>
      </Card>
      {openKey !== undefined && data !== undefined && (
        <Panel title={opened?.title ?? 'Detail'} onClose={() => open(undefined)}>
          {opened?.body ?? <p>This is no longer in the list.</p>}
        </Panel>
      )}
    </>
  )
}
