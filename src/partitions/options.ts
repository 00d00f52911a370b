import { integer, type OptionValues } from '../core/index.ts'

/** Options of the upkeep of partitions. */
export const PARTITION_OPTIONS = {
  upkeepMs: integer({
    doc: 'How often "holdfast serve" looks after the tables under upkeep: makes partitions ahead, and takes away old ones where the table says so; 0 never.',
    default: 3_600_000,
    min: 0,
    max: 86_400_000,
    env: 'HOLDFAST_PARTITIONS_UPKEEP_MS',
  }),
} as const

export type PartitionOptions = OptionValues<typeof PARTITION_OPTIONS>
