/**
 * Partitions that run themselves: made ahead of time without stopping anybody, and taken away when they are old.
 * By months, days, hours or years of a time key in UTC, or by so many of an integer key.
 */
export { type KnownArchive, listArchives, manifestOf } from './archive/archives.ts'
export { type Restored, restoreArchive, type RestoreOptions } from './archive/restore.ts'
export { ARCHIVE_FORMATS, type ArchiveFormat } from './archive/encoding.ts'
export { conversionAsJson, planAsJson } from './convert/as-json.ts'
export {
  type ConversionOptions,
  conversionStatus,
  listConversions,
  convert,
  type ConvertOptions,
  planConversion,
  resumeConversion,
} from './convert/convert.ts'
export type { Finding } from './convert/finding.ts'
export type { ConversionPlan, PlannedPartition, PlannedStep } from './convert/plan.ts'
export type { Wishes } from './convert/planning.ts'
export type { Conversion } from './convert/records.ts'
export { abortConversion, finishConversion, undoConversion } from './convert/undo.ts'
export type { ConversionProgress } from './convert/work.ts'
export {
  type ListedPartition,
  listBroken,
  listGone,
  listManaged,
  listPartitioned,
  listPartitions,
  manage,
  type ManageOptions,
  partitionedAsJson,
  type PartitionList,
  partitionsAsJson,
  readPartitionList,
  unmanage,
} from './list.ts'
export { FEWEST_AHEAD } from './gaps.ts'
export type { Forecast, NextAction, Outlook } from './outlook.ts'
export type { BrokenRecord } from './own-table.ts'
export type { Layout, Partition } from './layout.ts'
export { maintain, type Maintained } from './maintain.ts'
export { type Every, parseEvery } from './period.ts'
export type { Policy, PolicyWishes } from './policy.ts'
export { archive, type ArchiveOptions, retain, type Retained, type RetainOptions } from './retain.ts'
export { PARTITION_OPTIONS, type PartitionOptions } from './options.ts'
export { type ScheduleOptions, UpkeepSchedule } from './schedule.ts'
export type { PartitionTarget, UpkeepOptions } from './upkeep.ts'
