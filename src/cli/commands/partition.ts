import type { Command } from 'commander'
import {
  FEWEST_AHEAD,
  listPartitions,
  maintain,
  type Maintained,
  manage,
  parseEvery,
  partitionsAsJson,
  unmanage,
} from '../../partitions/index.ts'
import { type Finish, runWith } from '../command.ts'
import { usage } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { addPartitionConvert } from './partition-convert.ts'
import { addPartitionArchive } from './partition-archive.ts'
import { failureInWords } from './partition-failure.ts'
import { addList, RETAINED } from './partition-list.ts'
import { keepFrom, type KeepFlags, withKeepFlags } from './partition-flags.ts'
import { colours } from '../colours.ts'
import { type Lines } from '../output.ts'

export function addPartition(program: Command, finish: Finish): void {
  const partition = program.command('partition').description('partitions that run themselves')
  addPartitionConvert(partition, finish)
  addList(partition, finish)
  addManage(partition, finish)
  addMaintain(partition, finish)
  addPartitionArchive(partition, finish)
}

interface ManageFlags extends KeepFlags {
  every: string
}

function addManage(partition: Command, finish: Finish): void {
  runWith<ManageFlags>(
    withKeepFlags(
      partition
        .command('manage')
        .description('keep the partitions of a table from now on, or say anew how')
        .argument('<table>', 'as SQL names it: public.logs')
        .requiredOption('--every <length>', 'hour, day, month, year, or so many of an integer key'),
    ),
    finish,
    async (session, flags, [name = '']) => {
      const { every } = flags
      const length = parseEvery(every)
      if (length === undefined) throw usage('--every: hour, day, month, year, or a whole number from 1')
      const kept = keepFrom(flags)
      const holdfast = await session.connect()
      const layout = await manage(holdfast.partitions, name, { every: length, ...kept })
      const { policy } = partitionsAsJson(await listPartitions(holdfast.partitions, name))
      session.out.result(
        { table: layout.sql, every, policy },
        ({ table: of }) => `${of} is kept by ${every} from now on: ${keptInWords(policy)}.`,
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

/** All of it: what was not said anew is not as it was before. */
function keptInWords(policy: ReturnType<typeof partitionsAsJson>['policy']): string {
  const { premake, keep, retention, archive_to: place } = policy ?? {}
  const older =
    keep === null ? 'all are kept' : `${keep} are kept, older ones are ${RETAINED[retention ?? 'detach']}`
  return `${premake} made ahead, ${older}${place ? ` to ${place}` : ''}`
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
        done.length === 0 ? 'No table is kept yet.' : done.map((one) => maintainedInWords(one)),
      )
      if (done.length === 0) session.out.next('holdfast partition manage <table> --every month')
      return done.some(({ outcome }) => outcome === 'failed') ? EXIT.failure : EXIT.ok
    },
  )
}

function maintainedInWords(done: Maintained): Lines {
  const { table: of, outcome, made, finalized, ahead, notes } = done
  if (outcome === 'replica') return `${of}: this is a replica; its primary makes them.`
  if (outcome === 'busy') return `${of}: somebody else looks after it just now.`
  const failed = outcome === 'failed' ? [failureInWords(done)] : []
  // Nothing is known of what else was done.
  if (failed.length > 0 && made.length + ahead === 0) return failed
  const few =
    ahead < FEWEST_AHEAD
      ? colours.yellow(` Only ${ahead} ahead${failed.length > 0 ? '' : ': raise --premake'}.`)
      : ` ${ahead} ahead.`
  return [
    ...failed,
    `${of}: ${made.length === 0 ? 'nothing to make.' : `made ${made.join(', ')}.`}${few}`,
    ...(finalized.length === 0 ? [] : [`  finished removing ${finalized.join(', ')}`]),
    ...notes.map((note) => colours.dim(`  ${note}`)),
  ]
}
