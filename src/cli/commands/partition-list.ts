import { formatBytes } from '../../core/index.ts'
import type { Command } from 'commander'
import {
  listPartitioned,
  listPartitions,
  partitionedAsJson,
  type PartitionList,
  partitionsAsJson,
} from '../../partitions/index.ts'
import { type Finish, runWith } from '../command.ts'
import { type Lines, table } from '../output.ts'
import { colours } from '../colours.ts'
import { lookWith } from '../looking.ts'

export function addList(partition: Command, finish: Finish): void {
  runWith(
    partition
      .command('list')
      .description(
        'the partitions of a table: limits, rows, size, last use, what is next; or all partitioned tables',
      )
      .argument('[table]', 'as SQL names it: public.logs'),
    finish,
    async (session, _, [name]) => {
      const { holdfast, reader } = await lookWith(session)
      if (name === undefined) {
        const tables = (await listPartitioned(reader, holdfast.partitions.ownSchema)).map(partitionedAsJson)
        session.out.result({ tables }, (shown) => tablesInWords(shown.tables))
        return
      }
      const list = await listPartitions(holdfast.partitions, name)
      session.out.result(partitionsAsJson(list), () => inWords(list))
      if (!list.policy) session.out.next(`holdfast partition manage ${name} --every month`)
    },
  )
}

function tablesInWords(tables: readonly ReturnType<typeof partitionedAsJson>[]): Lines {
  if (tables.length === 0)
    return 'No table is partitioned by the range of a column. The first one: holdfast partition plan <table> --by <column>'
  return table(
    ['table', 'by', 'partitions', 'rows', 'size', 'ahead', 'kept'],
    tables.map(({ table: name, column, count, rows, bytes, ahead, policy }) => [
      name,
      policy ? `${column}, ${policy.every}` : column,
      count,
      rows,
      formatBytes(bytes),
      ahead,
      policy ? (policy.keep ?? 'all') : 'not under upkeep',
    ]),
  )
}

/** What becomes of old partitions, in words. */
export const RETAINED = { detach: 'detached', archive: 'archived and dropped', drop: 'dropped' } as const

function inWords(list: PartitionList): Lines {
  const { policy } = list
  const { partitions, ahead, next, forecast } = partitionsAsJson(list)
  const kept = !policy
    ? 'Not under upkeep.'
    : `By ${String(policy.every)}, ${ahead} ahead${policy.keep === null ? ', all kept' : `, ${policy.keep} kept, older ones are ${RETAINED[policy.retention]}`}.`
  return [
    partitions.length === 0
      ? `${list.table} has no partitions yet.`
      : table(
          ['partition', 'from', 'to', 'rows', 'size', 'last read', 'state'],
          partitions.map(({ name, from, to, rows, bytes, last_read_at: read, state, when }) => [
            name,
            from,
            to,
            rows,
            formatBytes(bytes),
            read?.slice(0, 16).replace('T', ' ') ?? '',
            state === 'attached' ? (when ?? state) : state,
          ]),
        ),
    kept,
    ...next.map(
      ({ at, action, partitions: names }) =>
        `${at === null ? 'Due now' : `From ${at} on`}: ${action} ${names.join(', ')}`,
    ),
    ...(forecast
      ? [
          `The partition from ${forecast.from} on is expected to have about ${forecast.rows} rows, ${formatBytes(forecast.bytes)} (by the last ${forecast.basis}).`,
        ]
      : []),
    ...(policy?.lastError ? [colours.red(`The last run failed: ${policy.lastError}`)] : []),
  ]
}
