import type { ComponentChildren } from 'preact'
import type { LiveResource } from '../api/resource.ts'
import { ageOf } from '../live/freshness.ts'
import { Card, type CardProps } from '../parts/card.tsx'
import { Loaded } from '../parts/states.tsx'
import { Table, type TableProps } from '../parts/table/table.tsx'
import { query, setQuery } from '../place/router.ts'

type ListCardProps<T, Row> = Pick<CardProps, 'title' | 'span' | 'definitions' | 'size' | 'tools'> &
  Pick<TableProps<Row>, 'id' | 'columns' | 'keyOf' | 'sort' | 'hasTools'> & {
    readonly resource: LiveResource<T>
    readonly rowsOf: (data: T) => readonly Row[]
    readonly lines: number
    /** Before a row's key in the address, where lists share a page. */
    readonly prefix: string
    /** What else of the address names the row. */
    readonly placeOf?: (row: Row) => Readonly<Record<string, string>>
    /** What stands where rows would, when there are none. */
    readonly empty: ComponentChildren
  }

/** One list among others on a page; a row opens its panel. */
export function ListCard<T, Row>(props: ListCardProps<T, Row>) {
  const { resource, rowsOf, lines, prefix, placeOf, title, span, definitions, size, tools, ...table } = props
  return (
    <Card
      title={title}
      span={span}
      {...(size !== undefined && { size })}
      {...(definitions && { definitions })}
      tools={tools}
      staleMs={ageOf(resource.state.value)}
    >
      <Loaded resource={resource} lines={lines}>
        {(data) => (
          <Table
            {...table}
            label={title}
            rows={rowsOf(data)}
            lines={lines}
            onOpen={(row) => setQuery({ ...placeOf?.(row), open: prefix + props.keyOf(row) })}
            openKey={query.value.get('open')?.replace(prefix, '')}
          />
        )}
      </Loaded>
    </Card>
  )
}

/** The row that the address names. */
export const rowAt = <Row,>(
  open: string,
  prefix: string,
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): Row | undefined => (open.startsWith(prefix) ? rows.find((row) => prefix + keyOf(row) === open) : undefined)
