import type { Command } from 'commander'
import {
  abortConversion,
  type Conversion,
  conversionAsJson,
  type ConversionOptions,
  type ConversionPlan,
  type ConversionProgress,
  conversionStatus,
  convert,
  finishConversion,
  parseEvery,
  planAsJson,
  planConversion,
  resumeConversion,
  undoConversion,
  type Wishes,
} from '../../partitions/index.ts'
import { formatBytes, formatDuration, plural } from '../../core/index.ts'
import type { Holdfast } from '../../holdfast.ts'
import { type Finish, runWith } from '../command.ts'
import { confirmPlan } from '../confirm.ts'
import { usage } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { type Lines, table } from '../output.ts'
import type { Session } from '../session.ts'
import { keepFrom, type KeepFlags, withKeepFlags } from './partition-flags.ts'
import { colours } from '../colours.ts'

interface WishFlags extends KeepFlags {
  by?: string
  every: string
  mode?: string
  accept?: string[]
  graceDays?: string
}

interface ConvertFlags extends WishFlags {
  plan?: string
  dryRun?: boolean
  yes?: boolean
}

const DAY_MS = 86_400_000

export function addPartitionConvert(partition: Command, finish: Finish): void {
  addPlan(partition, finish)
  addConvert(partition, finish)
  addResume(partition, finish)
  addTakingBack(partition, finish)
  addStatus(partition, finish)
}

const wishing = (command: Command): Command =>
  withKeepFlags(command)
    .argument('<table>', 'as SQL names it: public.logs')
    .option('--by <column>', 'the key: a time, a UUIDv7 or ULID, or a whole number')
    .requiredOption('--every <length>', 'hour, day, month, year, or so many of an integer key')
    .option('--mode <mode>', 'attach: no row moves; split: history is copied into partitions, too', 'attach')
    .option('--accept <id...>', 'findings that are agreed to')
    .option('--grace-days <n>', 'after a split, how long it can be undone; default 7, 0 drops the old table')

/** @throws HF_CLI_USAGE */
function wishesFrom(flags: WishFlags): Wishes {
  const { by = '', mode, accept } = flags
  const every = parseEvery(flags.every)
  if (every === undefined) throw usage('--every: hour, day, month, year, or a whole number from 1')
  if (mode !== undefined && mode !== 'attach' && mode !== 'split') throw usage('--mode: attach or split')
  if (by === '' && mode !== 'split') throw usage('--by: the column to partition by')
  const grace = flags.graceDays
  if (grace !== undefined && !/^\d{1,3}$/.test(grace))
    throw usage('--grace-days: a whole number from 0 to 999')
  return {
    by,
    every,
    mode,
    ...keepFrom(flags),
    accept,
    graceMs: grace === undefined ? undefined : Number(grace) * DAY_MS,
  }
}

function addPlan(partition: Command, finish: Finish): void {
  runWith<WishFlags>(
    wishing(
      partition
        .command('plan')
        .description('what converting a table would do, and all that stands in its way; changes nothing'),
    ),
    finish,
    async (session, flags, [name = '']) => {
      const wishes = wishesFrom(flags)
      const holdfast = await session.connect()
      const plan = await planConversion(holdfast.partitions, name, wishes)
      const data = planAsJson(plan)
      session.out.result({ database: holdfast.address, ...data }, () => inWords(plan))
      if (data.in_the_way.length > 0) return EXIT.findings
      session.out.next(`holdfast partition convert ${said(name, flags)} --plan ${plan.hash}`)
      return EXIT.ok
    },
  )
}

const quoted = (text: string): string =>
  /^[\w.:-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`

/** The same wishes again, for the next command. */
function said(name: string, flags: WishFlags): string {
  const { accept, mode, graceDays, archiveTo, by, every, premake, keep, retention } = flags
  const named = {
    by,
    every,
    mode: mode === 'attach' ? undefined : mode,
    premake,
    keep,
    retention,
    'archive-to': archiveTo,
    'grace-days': graceDays,
  }
  return [
    quoted(name),
    ...Object.entries(named).flatMap(([flag, value]) =>
      value === undefined ? [] : [`--${flag} ${quoted(value)}`],
    ),
    ...(accept ?? []).map((id) => `--accept ${quoted(id)}`),
  ].join(' ')
}

const SIGNS = {
  blocked: colours.red('x'),
  consent: colours.yellow('?'),
  warning: colours.yellow('!'),
  carried: colours.green('+'),
} as const
const ORDER = ['blocked', 'consent', 'warning', 'carried'] as const

function inWords(plan: ConversionPlan): Lines {
  const { in_the_way: inTheWay } = planAsJson(plan)
  const found = plan.findings.toSorted((a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level))
  const last = plan.partitions.at(-1)
  return [
    `${plan.table} by ${plan.column}, every ${plan.every}: about ${plural(plan.rows, 'row')}, ${formatBytes(plan.bytes)}.`,
    plan.kind === 'attach'
      ? `Its rows stay in ${plan.legacy}, up to ${plan.cutoff}; ${plural(plan.partitions.length, 'partition')} behind it, up to ${last?.to}.`
      : `The rows of ${plan.legacy} go into ${plural(plan.partitions.length, 'partition')}, up to ${plan.cutoff}.`,
    ...splitInWords(plan),
    '',
    ...found.map(({ id, level, words, way }) => {
      const how = level === 'consent' ? `--accept ${quoted(id)}${way ? `: ${way}` : ''}` : way
      return [`${SIGNS[level]} ${words}`, ...(how ? [colours.dim(`    ${how}`)] : [])]
    }),
    '',
    ...[...plan.steps, ...(plan.splitting?.steps ?? [])].map(({ words, lock }, index) => [
      `${index + 1}. ${words}`,
      ...(lock === null ? [] : [colours.dim(`   ${lock}`)]),
    ]),
    '',
    inTheWay.length === 0
      ? `Plan ${plan.hash}.`
      : colours.red(`${plural(inTheWay.length, 'finding')} in the way: ${inTheWay.join(', ')}.`),
  ]
}

function splitInWords({ splitting, thenSplit, legacy }: ConversionPlan): string[] {
  if (!thenSplit) return []
  const first = splitting?.partitions.find(({ from }) => from !== null)
  return splitting === undefined
    ? ['Then its history is split, too.']
    : [
        `Then the rows of ${legacy} go into ${plural(splitting.partitions.length - 1, 'partition')} from ${first?.from} on, and ${splitting.partitions[0]?.name} for what is older.`,
      ]
}

function addConvert(partition: Command, finish: Finish): void {
  runWith<ConvertFlags>(
    wishing(
      partition
        .command('convert')
        .description(
          'put a table that is in use into partitions; what is killed goes on with: partition resume',
        ),
    )
      .option('--plan <hash>', 'the plan that was looked at')
      .option('--dry-run', 'only show the plan')
      .option('--yes', 'do it without asking'),
    finish,
    async (session, flags, [name = '']) => {
      const wishes = wishesFrom(flags)
      const holdfast = await session.connect()
      let hash = flags.plan
      if (hash === undefined) {
        const plan = await planConversion(holdfast.partitions, name, wishes)
        if (flags.dryRun === true) {
          session.out.result({ database: holdfast.address, ...planAsJson(plan) }, () => inWords(plan))
          return planAsJson(plan).in_the_way.length > 0 ? EXIT.findings : EXIT.ok
        }
        if (flags.yes !== true) await confirmPlan(session, inWords(plan), plan.hash)
        hash = plan.hash
      }
      const done = await convert(holdfast.partitions, name, wishes, {
        ...running(session, holdfast),
        plan: hash,
      })
      return told(session, holdfast, name, done)
    },
  )
}

/** Lines of progress: each step, and how far it is once a second. */
function running({ out }: Session, holdfast: Holdfast): ConversionOptions {
  let latest = 0
  return {
    recorder: holdfast.recorder,
    onProgress(progress) {
      const now = Date.now()
      if (progress.state === 'done' || (progress.state === 'going' && now - latest < 1_000)) return
      latest = now
      if (!out.isJson) out.say(colours.dim(progressLine(progress)))
    },
  }
}

function progressLine({ step, state, words, perSecond, remainingMs }: ConversionProgress): string {
  const rate = perSecond === undefined ? '' : `, ${perSecond} rows/s`
  const rest = remainingMs === undefined ? '' : `, about ${formatDuration(remainingMs)} to go`
  return `${state === 'waiting' ? 'waiting' : step}: ${words}${rate}${rest}`
}

function told(session: Session, holdfast: Holdfast, name: string, conversion: Conversion): number {
  const { state, notes, kind, plan, undoUntil } = conversion
  session.out.result({ database: holdfast.address, ...conversionAsJson(conversion) }, () => [
    state === 'done'
      ? `${conversion.table} is in partitions: ${kind === 'attach' ? `its rows are in ${plan.legacy}` : 'history, too'}.`
      : `${conversion.table}: the conversion is ${state}.`,
    ...notes.map((note) => colours.dim(`  ${note}`)),
    ...(state === 'done' && undoUntil
      ? [`It can be undone until ${undoUntil.toISOString()}: ${plan.legacy} is kept up to date.`]
      : []),
  ])
  if (state === 'done') session.out.next(`holdfast partition list ${quoted(name)}`)
  return EXIT.ok
}

function addResume(partition: Command, finish: Finish): void {
  runWith<{ yes?: boolean; accept?: string[] }>(
    partition
      .command('resume')
      .description('go on with a conversion that was begun; one that is finished is only told of')
      .argument('<table>', 'as SQL names it: public.logs')
      .option('--yes', 'taken for granted')
      .option('--accept <id...>', 'findings that are agreed to, again: they hold for one call'),
    finish,
    async (session, { accept }, [name = '']) => {
      const holdfast = await session.connect()
      const done = await resumeConversion(holdfast.partitions, name, {
        ...running(session, holdfast),
        accept,
      })
      return told(session, holdfast, name, done)
    },
  )
}

function addTakingBack(partition: Command, finish: Finish): void {
  for (const [verb, does, description] of [
    ['abort', abortConversion, 'take back a conversion that was begun and not ended'],
    [
      'finish',
      finishConversion,
      'end at once the time in which a split can be undone: the old table is dropped',
    ],
    ['undo', undoConversion, 'take back the last conversion that was ended, with all that was written since'],
  ] as const)
    runWith<{ yes?: boolean; accept?: string[] }>(
      partition
        .command(verb)
        .description(description)
        .argument('<table>', 'as SQL names it: public.logs')
        .option('--yes', 'do it without asking')
        .option('--accept <id...>', 'findings that are agreed to, again: they hold for one call'),
      finish,
      async (session, { yes, accept }, [name = '']) => {
        const holdfast = await session.connect()
        if (yes !== true) await confirmPlan(session, `${verb} the conversion of ${name}`)
        const done = await does(holdfast.partitions, name, { ...running(session, holdfast), accept })
        const words = TAKEN_BACK[verb](done)
        session.out.result({ database: holdfast.address, ...conversionAsJson(done) }, () => words)
        return EXIT.ok
      },
    )
}

/** What came of it. */
const TAKEN_BACK = {
  abort: ({ table: of, kind, plan }: Conversion) =>
    kind === 'attach'
      ? `${of} is as it was before.`
      : `The history of ${of} is in ${plan.legacy} as before; it is still in partitions. To have one table again: holdfast partition undo ${of}`,
  finish: ({ table: of, plan }: Conversion) =>
    `${plan.legacy} is dropped: that ${of} was split cannot be undone any more.`,
  undo: ({ table: of, kind, plan }: Conversion) =>
    kind === 'attach'
      ? `${of} is one table again, with all that was written since.`
      : `The history of ${of} is in ${plan.legacy} again, with all that was written since.`,
} as const

function addStatus(partition: Command, finish: Finish): void {
  runWith(
    partition
      .command('status')
      .description('the conversions of a table, or of all, the latest first')
      .argument('[table]', 'as SQL names it: public.logs'),
    finish,
    async (session, _, [name]) => {
      const holdfast = await session.connect()
      const all = await conversionStatus(holdfast.partitions, name)
      session.out.result({ database: holdfast.address, conversions: all.map(conversionAsJson) }, () =>
        all.length === 0
          ? 'No conversion is written down.'
          : table(
              ['table', 'kind', 'state', 'step', 'rows copied', 'began', 'undo until', 'last error'],
              all.map(({ table: of, kind, state, step, stepDone, rowsDone, startedAt, undoUntil, error }) => [
                of,
                kind,
                state,
                `${step ?? ''}${step !== null && !stepDone ? ' (not ended)' : ''}`,
                kind === 'split' ? rowsDone : '',
                startedAt.toISOString(),
                undoUntil?.toISOString() ?? '',
                error ?? '',
              ]),
            ),
      )
      const open = all.find(({ state }) => state === 'running')
      if (open) session.out.next(`holdfast partition resume ${quoted(open.table)}`)
    },
  )
}
