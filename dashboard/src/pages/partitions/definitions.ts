import type { Definition } from '../../parts/meaning.tsx'

export const TABLE_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Ahead',
    means:
      'Whole periods behind the current one that have their partition, without a gap. Rows beyond the last find none, and fail.',
    source: 'pg_inherits, pg_get_expr(relpartbound)',
    window: 'Now, two seconds old at most.',
  },
  {
    figure: 'Rows, size',
    means: 'Of all partitions, with indexes and large values.',
    source: 'pg_class.reltuples and relpages, pg_stat_get_live_tuples',
    window: 'Estimated; sizes as of the last VACUUM, ANALYZE or index build.',
  },
]

export const TIMELINE_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Bars',
    means:
      'One for each partition, in the order of their limits: past, the current one, and those made ahead.',
    source: 'pg_class of each partition',
    window: 'Estimated; sizes as of the last VACUUM, ANALYZE or index build.',
  },
  {
    figure: 'Forecast',
    means:
      'Of the period behind the current one: the line through the last six complete partitions, by the median of the slopes of all pairs, so that one odd period does not bend it.',
    source: 'rows and size of those partitions',
    window: 'The last six complete periods, or as many as there are.',
  },
  {
    figure: 'Last read',
    means: 'When a query last went through the partition or one of its indexes.',
    source: 'pg_stat_all_tables.last_seq_scan, last_idx_scan (PostgreSQL 16 and later)',
    window: 'Since the statistics were last reset.',
  },
]

export const CONVERSION_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Step',
    means:
      'Each is written down before and after it is done: a conversion that was killed goes on where it was.',
    source: 'partition_conversions',
    window: 'Now, two seconds old at most.',
  },
  {
    figure: 'Copied',
    means: 'Rows that a split has copied, of those that the table had, as estimated when it was planned.',
    source: 'partition_conversions.rows_done',
    window: 'Written with every batch.',
  },
]
