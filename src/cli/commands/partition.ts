import type { Command } from 'commander'
import pc from 'picocolors'
import {
  listPartitions,
  maintain,
  type Maintained,
  manage,
  parseEvery,
  partitionsAsJson,
  type PartitionList,
  retain,
  type Retained,
  unmanage,
} from '../../partitions/index.ts'
import { type Finish, runWith } from '../command.ts'
import { usage } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { formatBytes, plural, table } from '../output.ts'
import { addPartitionConvert } from './partition-convert.ts'
import { numberFrom, retentionFrom } from './partition-flags.ts'

/** With fewer, the next period may come before somebody has looked. */
const FEWEST_AHEAD = 3

export function addPartition(program: Command, finish: Finish): void {
  const partition = program.command('partition').description('partitions that run themselves')
  addPartitionConvert(partition, finish)
  addList(partition, finish)
  addManage(partition, finish)
  addMaintain(partition, finish)
  addRetain(partition, finish)
}

function addList(partition: Command, finish: Finish): void {
  runWith(
    partition
      .command('list')
      .description('the partitions of a table: limits, rows, size')
      .argument('<table>', 'as SQL names it: public.logs'),
    finish,
    async (session, _, [name = '']) => {
      const holdfast = await session.connect()
      const list = await listPartitions(holdfast.partitions, name)
      session.out.result(partitionsAsJson(list), () => inWords(list))
      if (!list.policy) session.out.next(`holdfast partition manage ${name} --every month`)
    },
  )
}

function inWords(list: PartitionList): string {
  const { policy, ahead } = list
  const { partitions } = partitionsAsJson(list)
  const kept = !policy
    ? 'Not under upkeep.'
    : `By ${String(policy.every)}, ${ahead} ahead${policy.keep === null ? ', all kept' : `, ${policy.keep} kept, older ones are ${policy.retention === 'drop' ? 'dropped' : 'detached'}`}.`
  return [
    partitions.length === 0
      ? `${list.table} has no partitions yet.`
      : table(
          ['partition', 'from', 'to', 'rows', 'size', 'state'],
          partitions.map(({ name, from, to, rows, bytes, state }) => [
            name,
            from,
            to,
            rows,
            formatBytes(bytes),
            state,
          ]),
        ),
    kept,
    ...(policy?.lastError ? [pc.red(`The last run failed: ${policy.lastError}`)] : []),
  ].join('\n')
}

interface ManageFlags {
  every: string
  premake?: string
  keep?: string
  retention?: string
}

function addManage(partition: Command, finish: Finish): void {
  runWith<ManageFlags>(
    partition
      .command('manage')
      .description('keep the partitions of a table from now on, or say anew how')
      .argument('<table>', 'as SQL names it: public.logs')
      .requiredOption('--every <length>', 'hour, day, month, year, or so many of an integer key')
      .option('--premake <n>', 'partitions to make ahead; default 6')
      .option('--keep <n>', 'partitions to keep behind the current one; default: all')
      .option('--retention <what>', 'what becomes of older ones: detach or drop; default detach'),
    finish,
    async (session, { every, premake, keep, retention }, [name = '']) => {
      const length = parseEvery(every)
      if (length === undefined) throw usage('--every: hour, day, month, year, or a whole number from 1')
      const holdfast = await session.connect()
      const layout = await manage(holdfast.partitions, name, {
        every: length,
        premake: numberFrom('--premake', premake),
        keep: numberFrom('--keep', keep),
        retention: retentionFrom(retention),
      })
      session.out.result(
        { table: layout.sql, every },
        ({ table: of }) => `${of} is kept by ${every} from now on.`,
      )
      session.out.next(`holdfast partition maintain ${name}`)
    },
  )

  runWith(
    partition
      .command('unmanage')
      .description('end the upkeep of a table; its partitions stay as they are')
      .argument('<table>', 'as SQL names it: public.logs'),
    finish,
    async (session, _, [name = '']) => {
      const holdfast = await session.connect()
      await unmanage(holdfast.partitions, name)
      session.out.result({ table: name }, ({ table: of }) => `${of} is no longer kept.`)
    },
  )
}

function addMaintain(partition: Command, finish: Finish): void {
  runWith(
    partition
      .command('maintain')
      .description(
        'make partitions ahead, fill gaps, finish what was begun; for cron, to be repeated at will',
      )
      .argument('[table]', 'default: all that are kept'),
    finish,
    async (session, _, [name]) => {
      const holdfast = await session.connect()
      const done = await maintain(holdfast.partitions, { table: name, recorder: holdfast.recorder })
      session.out.result({ database: holdfast.address, tables: done }, () =>
        done.length === 0 ? 'No table is kept yet.' : done.map(maintainedInWords).join('\n'),
      )
      if (done.length === 0) session.out.next('holdfast partition manage <table> --every month')
      return done.some(({ outcome }) => outcome === 'failed') ? EXIT.failure : EXIT.ok
    },
  )
}

function maintainedInWords({ table: of, outcome, made, finalized, ahead, notes, error }: Maintained): string {
  if (outcome === 'replica') return `${of}: this is a replica; its primary makes them.`
  if (outcome === 'busy') return `${of}: somebody else looks after it just now.`
  if (outcome === 'failed') return pc.red(`${of}: ${error}`)
  const few = ahead < FEWEST_AHEAD ? pc.yellow(` Only ${ahead} ahead: raise --premake.`) : ` ${ahead} ahead.`
  return [
    `${of}: ${made.length === 0 ? 'nothing to make.' : `made ${made.join(', ')}.`}${few}`,
    ...(finalized.length === 0 ? [] : [`  finished removing ${finalized.join(', ')}`]),
    ...notes.map((note) => pc.dim(`  ${note}`)),
  ].join('\n')
}

function addRetain(partition: Command, finish: Finish): void {
  runWith<{ dryRun?: boolean }>(
    partition
      .command('retain')
      .description('take away partitions that are older than is kept; the last one never')
      .argument('[table]', 'default: all that are kept')
      .option('--dry-run', 'only say which'),
    finish,
    async (session, { dryRun = false }, [name]) => {
      const holdfast = await session.connect()
      const done = await retain(holdfast.partitions, {
        table: name,
        isDryRun: dryRun,
        recorder: holdfast.recorder,
      })
      session.out.result({ database: holdfast.address, dry_run: dryRun, tables: done }, () =>
        done.length === 0
          ? 'No table is kept yet.'
          : done.map((one) => retainedInWords(one, dryRun)).join('\n'),
      )
      if (dryRun && done.some(({ detached, dropped }) => detached.length + dropped.length > 0))
        session.out.next(`holdfast partition retain${name === undefined ? '' : ` ${name}`}`)
      return done.some(({ outcome }) => outcome === 'failed') ? EXIT.failure : EXIT.ok
    },
  )
}

function retainedInWords(
  { table: of, outcome, detached, dropped, error }: Retained,
  isDryRun: boolean,
): string {
  if (outcome === 'replica') return `${of}: this is a replica; its primary takes them away.`
  if (outcome === 'busy') return `${of}: somebody else looks after it just now.`
  if (outcome === 'failed') return pc.red(`${of}: ${error}`)
  const all = dropped.length > 0 ? dropped : detached
  if (all.length === 0) return `${of}: nothing is older than is kept.`
  const did = dropped.length > 0 ? 'dropped' : 'detached'
  return `${of}: ${plural(all.length, 'partition')} ${isDryRun ? `would be ${did}` : did}: ${all.join(', ')}`
}
