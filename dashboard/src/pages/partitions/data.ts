import { type Answer, ask } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { setQuery } from '../../place/router.ts'

export type Partitions = Answer<'GET /v1/database/partitions'>
export type PartitionedTable = Partitions['data'][number]
export type Conversion = Partitions['conversions'][number]
export type PartitionList = Answer<'GET /v1/database/partitions/table'>
export type Partition = PartitionList['partitions'][number]

/** All tables and conversions; a conversion that runs is followed closely. */
export const usePartitions = () =>
  useResource('partitions', (signal) => ask('GET /v1/database/partitions', { signal }), 2_000)

/** One table with its partitions. */
export const usePartitionsOf = (table: string) =>
  useResource(
    `partitions of ${table}`,
    (signal) => ask('GET /v1/database/partitions/table', { query: { table }, signal }),
    10_000,
  )

/** The archives of a table, the latest first. */
export const useArchivesOf = (table: string) =>
  useResource(
    `archives of ${table}`,
    (signal) => ask('GET /v1/database/partitions/archives', { query: { table }, signal }),
    10_000,
  )

/** Opens the panel of this name. */
export const opener = (open: string) => (): void => setQuery({ open })

/** An instant or an integer as people read it: of midnights the day is enough. */
export const placeInWords = (place: string): string =>
  place.replace('T00:00:00.000Z', '').replace('.000Z', 'Z')
