import { Panel } from '../../parts/panel.tsx'
import { query, setQuery } from '../../place/router.ts'
import { type OperationList, useOperations } from '../operation.tsx'
import { conversionAt, ConversionDetail, ConversionList } from './conversions.tsx'
import { type Partitions as Data, usePartitions } from './data.ts'
import { PlanConversion } from './plan.tsx'
import { PartitionsStanding } from './standing.tsx'
import { tableAt, TableDetail, TableList } from './tables.tsx'
import { Timeline } from './timeline.tsx'
import { Upkeep } from './upkeep.tsx'

/** Partitions: which tables have them, along their keys, what is next, and what is being converted. */
export function Partitions() {
  const resource = usePartitions()
  const operations = useOperations(() => resource.refresh())
  const { data } = resource.state.value
  const changed = (): void => {
    resource.refresh()
    operations.refresh()
  }
  const table = data && shownOf(data)
  return (
    <>
      <PartitionsStanding resource={resource} />
      <TableList resource={resource} />
      <ConversionList resource={resource} />
      {table !== undefined && <Timeline key={table} table={table} />}
      <Detail data={data} operations={operations} changed={changed} />
    </>
  )
}

/** The table that the address names; else the one that runs low, or the first. */
function shownOf({ data }: Data): string | undefined {
  const named = query.value.get('table')
  return (data.find(({ table }) => table === named) ?? data.find((one) => one.runs_low) ?? data[0])?.table
}

function Detail({
  data,
  operations,
  changed,
}: {
  readonly data: Data | undefined
  readonly operations: OperationList
  readonly changed: () => void
}) {
  const open = query.value.get('open') ?? undefined
  if (open === undefined) return null
  const close = (): void => setQuery({ open: undefined })
  if (open === 'upkeep')
    return (
      <Panel title="Look after partitions" onClose={close}>
        <Upkeep operations={operations} changed={changed} />
      </Panel>
    )
  if (open === 'plan')
    return (
      <Panel title="Convert a table" onClose={close}>
        <PlanConversion operations={operations} changed={changed} />
      </Panel>
    )
  if (data === undefined) return null
  const conversion = conversionAt(open, data)
  if (conversion)
    return (
      <Panel title={`Conversion of ${conversion.table}`} onClose={close}>
        <ConversionDetail conversion={conversion} operations={operations} changed={changed} />
      </Panel>
    )
  const table = tableAt(open, data)
  return (
    <Panel title={table?.table ?? 'Detail'} onClose={close}>
      {table ? (
        <TableDetail table={table} operations={operations} changed={changed} />
      ) : (
        <p>This is no longer in the list.</p>
      )}
    </Panel>
  )
}
