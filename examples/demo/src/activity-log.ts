import type { Holdfast } from 'holdfast'
import { convert, type ConversionOptions, conversionStatus, resumeConversion } from 'holdfast/partitions'

const TABLE = 'activity_logs'

/**
 * Makes the activity log a table partitioned by month while the traffic goes on, its history with it; goes on where an earlier start
 * was stopped. From then on its partitions are kept.
 *
 * @returns what was done, in words
 */
export async function partitionActivityLog(
  { partitions }: Pick<Holdfast, 'partitions'>,
  options: ConversionOptions,
): Promise<string> {
  const [latest] = await conversionStatus(partitions, TABLE)
  if (latest?.state === 'done' && latest.kind === 'split') return `${TABLE} is partitioned by month`
  const wishes = { by: 'occurred_at', every: 'month', mode: 'split' } as const
  await (latest?.state === 'running'
    ? resumeConversion(partitions, TABLE, options)
    : convert(partitions, TABLE, wishes, options))
  return `${TABLE} is partitioned by month now, with all that was written meanwhile`
}
