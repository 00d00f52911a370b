import { custom, integer, type OptionValues } from '../core/index.ts'

const places = (input: unknown): readonly string[] | undefined => {
  const items = typeof input === 'string' ? input.split(',').map((one) => one.trim()) : input
  if (!Array.isArray(items) || !items.every((one) => typeof one === 'string')) return undefined
  return Object.freeze(items.filter((one) => one !== ''))
}

/** Options of the upkeep of partitions. */
export const PARTITION_OPTIONS = {
  upkeepMs: integer({
    doc: 'How often "holdfast serve" looks after the tables under upkeep: makes partitions ahead, and takes away old ones where the table says so; 0 never.',
    default: 3_600_000,
    min: 0,
    max: 86_400_000,
    env: 'HOLDFAST_PARTITIONS_UPKEEP_MS',
  }),
  archivePlaces: custom<readonly string[]>({
    doc: 'Folders and buckets (s3://bucket/prefix) that partitions may be archived to, and brought back from, as their table says; what is named on a command line may be any.',
    default: [],
    env: 'HOLDFAST_PARTITIONS_ARCHIVE_PLACES',
    accepts: 'a list of folders and addresses of buckets, in the environment separated by commas',
    parse: places,
  }),
} as const

export type PartitionOptions = OptionValues<typeof PARTITION_OPTIONS>
