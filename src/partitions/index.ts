/**
 * Partitions that run themselves: made ahead of time without stopping anybody, and taken away when they are old.
 * By months, days, hours or years of a time key in UTC, or by so many of an integer key.
 */
export {
  listPartitions,
  manage,
  type ManageOptions,
  type PartitionList,
  partitionsAsJson,
  unmanage,
} from './list.ts'
export type { Layout, Partition } from './layout.ts'
export { maintain, type Maintained } from './maintain.ts'
export { type Every, parseEvery } from './period.ts'
export type { Policy } from './policy.ts'
export { retain, type Retained, type RetainOptions } from './retain.ts'
export type { PartitionTarget, UpkeepOptions } from './upkeep.ts'
