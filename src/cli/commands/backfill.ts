import { formatDuration, plural } from '../../core/index.ts'
import type { Command } from 'commander'
import {
  backfillAsJson,
  type BackfillRecord,
  backfillStatus,
  pauseBackfill,
  resumeBackfill,
  runBackfills,
} from '../../migrate/index.ts'
import { type Finish, runWith } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { table } from '../output.ts'
import { sayProgress } from './migrate-running.ts'

export function addBackfill(program: Command, finish: Finish): void {
  const backfill = program.command('backfill').description('what migrations fill in, batch by batch')

  runWith(
    backfill
      .command('run')
      .description('run what is not done, or one of them')
      .argument('[id]', 'its migration'),
    finish,
    async (session, _, [id]) => {
      const { out } = session
      const holdfast = await session.connect()
      const ran = await runBackfills(holdfast.migrations, {
        ...holdfast.migrateOptions,
        id,
        onProgress: sayProgress(out),
      })
      out.result({ database: holdfast.address, ran }, () =>
        ran.length === 0
          ? 'No backfill is waiting.'
          : `${plural(ran.length, 'backfill')} done: ${ran.join(', ')}.`,
      )
      out.next('holdfast backfill status')
    },
  )

  for (const [verb, description, act] of [
    ['pause', 'make whoever runs it wait from the next batch on', pauseBackfill],
    ['resume', 'let it go on', resumeBackfill],
  ] as const)
    runWith(
      backfill.command(verb).description(description).argument('<id>', 'its migration'),
      finish,
      async (session, _, [id = '']) => {
        const holdfast = await session.connect()
        const record = await act(holdfast.migrations, id)
        session.out.result(
          { database: holdfast.address, backfill: backfillAsJson(record) },
          () => `${id} is ${record.state === 'pending' ? 'free to go on' : record.state}.`,
        )
        session.out.next(verb === 'resume' ? 'holdfast backfill run' : 'holdfast backfill status')
      },
    )

  runWith(backfill.command('status').description('how far each is'), finish, async (session) => {
    const holdfast = await session.connect()
    const records = await backfillStatus(holdfast.migrations)
    session.out.result({ database: holdfast.address, backfills: records.map(backfillAsJson) }, () =>
      records.length === 0
        ? 'No migration had a backfill.'
        : table(
            ['migration', 'table', 'state', 'rows', 'of about', 'left', 'note'],
            records.map((one) => [
              one.migrationId,
              one.relation,
              one.state,
              one.rowsDone,
              one.rowsEstimated,
              timeLeft(one),
              one.error ?? one.heldBackBy ?? '',
            ]),
          ),
    )
    return EXIT.ok
  })
}

/** By its speed so far. */
function timeLeft({ state, rowsDone, rowsEstimated, startedAt, updatedAt }: BackfillRecord): string {
  if (state === 'done' || !startedAt || !rowsEstimated || rowsDone === 0) return ''
  const perRow = (updatedAt.getTime() - startedAt.getTime()) / rowsDone
  return formatDuration(Math.max(0, rowsEstimated - rowsDone) * perRow)
}
