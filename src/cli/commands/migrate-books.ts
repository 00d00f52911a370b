import type { Command } from 'commander'
import { databaseOf, plural } from '../../core/index.ts'
import { abandon, repair, stamp, unlock, unstamp } from '../../migrate/index.ts'
import { type Finish, runWith } from '../command.ts'
import { confirmByName } from '../confirm.ts'
import { usage } from '../errors.ts'

interface StampFlags {
  reason: string
  asPending?: boolean
}

interface RepairFlags {
  reason: string
  step?: string
  mark?: string
  giveUp?: boolean
}

const REASON = ['--reason <words>', 'why; it is kept in the history'] as const

/** Commands that write the history without running anything. */
export function addMigrateBooks(migrate: Command, finish: Finish): void {
  addStamp(migrate, finish)
  addRepair(migrate, finish)
  addUnlock(migrate, finish)
}

function addStamp(migrate: Command, finish: Finish): void {
  runWith<StampFlags>(
    migrate
      .command('stamp')
      .description('write down that migrations ran, without running them')
      .argument('<id>', 'the last one; those before it too')
      .requiredOption(...REASON)
      .option('--as-pending', 'the other way: this one did not run'),
    finish,
    async (session, { reason, asPending = false }, [id = '']) => {
      const holdfast = await session.connect()
      const options = { ...holdfast.migrateOptions, reason }
      const ids = asPending
        ? await unstamp(holdfast.migrations, id, options).then(() => [id])
        : await stamp(holdfast.migrations, id, options)
      session.out.result(
        { database: holdfast.address, stamped: ids, as: asPending ? 'pending' : 'applied' },
        () =>
          ids.length === 0
            ? `${id} and all before it count as run already.`
            : `${plural(ids.length, 'migration')} now ${asPending ? 'pending' : 'applied'}: ${ids.join(', ')}.`,
      )
      session.out.next('holdfast migrate status')
    },
  )
}

function addRepair(migrate: Command, finish: Finish): void {
  runWith<RepairFlags>(
    migrate
      .command('repair')
      .description(
        'set the history right: accept a changed file, or say what became of an interrupted statement',
      )
      .argument('<id>')
      .requiredOption(...REASON)
      .option('--step <n>', 'the statement in question')
      .option('--mark <state>', 'done: it took effect; pending: it had none')
      .option('--give-up', 'what it did was undone by hand: begin it anew'),
    finish,
    async (session, { reason, step, mark, giveUp = false }, [id = '']) => {
      if (mark !== undefined && mark !== 'done' && mark !== 'pending') throw usage('--mark: done or pending')
      if ((step === undefined) !== (mark === undefined)) throw usage('--step and --mark go together')
      if (step !== undefined && !/^[1-9]\d*$/.test(step))
        throw usage('--step: the number of the statement, from 1')
      const holdfast = await session.connect()
      const options = { ...holdfast.migrateOptions, reason }
      if (giveUp) await abandon(holdfast.migrations, id, options)
      else
        await repair(holdfast.migrations, id, {
          ...options,
          step: step === undefined ? undefined : Number(step),
          mark,
        })
      session.out.result({ database: holdfast.address, repaired: id }, () => `${id} is set right.`)
      session.out.next('holdfast migrate up')
    },
  )
}

function addUnlock(migrate: Command, finish: Finish): void {
  runWith<{ dryRun?: boolean; confirm?: string }>(
    migrate
      .command('unlock')
      .description('end the session that holds the lock of the migrations, when its machine is gone')
      .option('--dry-run', 'only say whose it is')
      .option('--confirm <name>', "the database's name, instead of being asked"),
    finish,
    async (session, { dryRun = false, confirm }) => {
      const holdfast = await session.connect()
      const holder = await unlock(holdfast.migrations, true)
      if (!dryRun) {
        const name = databaseOf(holdfast.url)
        await confirmByName(session, name, confirm, `This ends ${holder}, and takes back what it is doing.`)
        await unlock(holdfast.migrations)
      }
      session.out.result(
        { database: holdfast.address, holder, ended: !dryRun },
        () => `${dryRun ? 'Held by' : 'Ended'} ${holder}.`,
      )
      session.out.next('holdfast migrate status')
    },
  )
}
