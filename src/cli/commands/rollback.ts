import { plural } from '../../core/index.ts'
import type { Command } from 'commander'
import {
  applyRollback,
  type DownTarget,
  planAsJson,
  planRollback,
  type RollbackPlan,
} from '../../migrate/index.ts'
import { type Finish, runWith } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { countFrom, sayProgress } from './migrate-running.ts'
import { colours } from '../colours.ts'
import { type Lines } from '../output.ts'

interface RollbackFlags {
  to?: string
  count?: string
  plan?: string
}

export function addRollback(program: Command, finish: Finish): void {
  const rollback = program.command('rollback').description('take migrations back, knowing what it costs')

  runWith<RollbackFlags>(
    rollback
      .command('plan')
      .description('what taking back would lock and lose; runs nothing; exit 3 when it is blocked')
      .option('--to <id>', 'take back all that ran after this one')
      .option('--count <n>', 'take back so many; default 1'),
    finish,
    async (session, flags) => {
      const holdfast = await session.connect()
      const plan = await planRollback(holdfast.migrations, scopeOf(flags), holdfast.config.database.schema)
      session.out.result({ database: holdfast.address, ...planAsJson(plan) }, () => inWords(plan))
      if (plan.verdict !== 'blocked' && plan.steps.length > 0) {
        const scope =
          flags.to === undefined
            ? flags.count === undefined
              ? ''
              : ` --count ${flags.count}`
            : ` --to ${flags.to}`
        session.out.next(`holdfast rollback apply --plan ${plan.hash}${scope}`)
      }
      return plan.verdict === 'blocked' ? EXIT.findings : EXIT.ok
    },
  )

  runWith<RollbackFlags>(
    rollback
      .command('apply')
      .description('take back what a plan showed, and only that')
      .requiredOption('--plan <hash>', 'the plan')
      .option('--to <id>', 'as the plan was made')
      .option('--count <n>', 'as the plan was made'),
    finish,
    async (session, flags) => {
      const { out } = session
      const holdfast = await session.connect()
      const plan = await applyRollback(holdfast.migrations, {
        ...holdfast.migrateOptions,
        ...scopeOf(flags),
        plan: flags.plan ?? '',
        ownSchema: holdfast.config.database.schema,
        onProgress: sayProgress(out),
      })
      out.result(
        {
          database: holdfast.address,
          taken_back: plan.steps.map(({ id }) => id),
          rows_lost: plan.rowsAtRisk,
        },
        () => `Took back ${plural(plan.steps.length, 'migration')}.`,
      )
      out.next('holdfast migrate status')
    },
  )
}

const scopeOf = ({ to, count }: RollbackFlags): DownTarget => ({ to, count: countFrom(count) })

const COLOURS = { safe: colours.green, lossy: colours.yellow, blocked: colours.red } as const

function inWords({ steps, verdict, rowsAtRisk, rowLimit, hash }: RollbackPlan): Lines {
  if (steps.length === 0) return 'Nothing is applied that could be taken back.'
  const lines = steps.flatMap(({ id, verdict: one, reasons, statements }) => [
    `${colours.bold(id)}: ${COLOURS[one](one)}`,
    ...reasons.map((reason) => `  ${reason}`),
    ...statements.flatMap(({ line, lock, blocks }) =>
      lock === null ? [] : [`  line ${line} takes ${lock}${blocks ? ` on ${blocks.tables.join(', ')}` : ''}`],
    ),
  ])
  const limit =
    verdict === 'lossy'
      ? ` ${rowsAtRisk} rows or values at risk now; it refuses when there are more than ${rowLimit}.`
      : ''
  return [...lines, `Together: ${COLOURS[verdict](verdict)}.${limit} Plan ${hash}.`]
}
