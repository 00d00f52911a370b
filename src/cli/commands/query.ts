import { type Command, Option } from 'commander'
import { formatBytes, formatDuration, inOneLine, plural, systemClock } from '../../core/index.ts'
import {
  explain,
  explanationAsJson,
  type Explanation,
  findStatementSource,
  type PlanNode,
  readStatement,
  readStatements,
  resetStatements,
  sortedBy,
  STATEMENT_ORDERS,
  type StatementOrder,
  type StatementStory,
  StatementTexts,
  storyAsJson,
  totalsAsJson,
  totalsByStatement,
} from '../../monitor/index.ts'
import { type Finish, runWith } from '../command.ts'
import { confirmPlan } from '../confirm.ts'
import { usage } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { lookWith } from '../looking.ts'
import { type Lines, linesIn, table } from '../output.ts'
import { colours } from '../colours.ts'

const DAY_MS = 86_400_000
const LONGEST_TEXT = 100

/** Which statements take the time, and how PostgreSQL does them. */
export function addQuery(program: Command, finish: Finish): void {
  const query = program
    .command('query')
    .description('statements: which take the time, what one did over time, and how PostgreSQL does it')
    .addHelpText(
      'before',
      `Examples:
  holdfast query top --by reads               the statements that read most
  holdfast query show 4711                    one of them, by its id, with its last day
  holdfast query explain 4711                 how PostgreSQL does it, for any values
  holdfast query explain --sql 'SELECT ...' --analyze
`,
    )
  addTop(query, finish)
  addShow(query, finish)
  addExplain(query, finish)
  addReset(query, finish)
}

function addTop(query: Command, finish: Finish): void {
  runWith<{ by: StatementOrder; limit: string }>(
    query
      .command('top')
      .description('the statements that take most, since the statistics were reset')
      .addOption(new Option('--by <figure>', 'what counts').choices(STATEMENT_ORDERS).default('time'))
      .option('--limit <n>', 'how many', '20'),
    finish,
    async (session, { by, limit }) => {
      if (!/^[1-9]\d{0,3}$/.test(limit)) throw usage('--limit: a whole number from 1 to 9999')
      const { reader, holdfast } = await lookWith(session)
      const source = await findStatementSource(reader)
      if (source.state !== 'collecting') {
        const { state, action, sql } = source
        session.out.result({ database: holdfast.address, state, action, sql, statements: [] }, () => [
          `Statements cannot be told: pg_stat_statements is ${state}.`,
          colours.bold(action),
          ...(sql === null ? [] : linesIn(sql).map((line) => colours.cyan(line))),
        ])
        return EXIT.findings
      }
      const { entries } = await readStatements(reader, source)
      const all = totalsByStatement(entries.values())
      const top = sortedBy(by, all).slice(0, Number(limit))
      const texts = await new StatementTexts().read(
        reader,
        source.schema,
        top.flatMap(({ id }) => id ?? []),
      )
      const sum = all.reduce((total, { totalMs }) => total + totalMs, 0)
      const statements = top.map((one) => ({
        id: one.id,
        query: texts.get(one.id ?? '') ?? null,
        ...totalsAsJson(one, sum),
      }))
      session.out.result({ database: holdfast.address, state: source.state, by, statements }, () =>
        table(
          ['id', 'calls', 'mean', 'total', '%', 'rows', 'read', 'temp', 'wal', 'statement'],
          statements.map((one) => [
            one.id ?? 'others',
            one.calls,
            formatDuration(one.mean_ms),
            formatDuration(one.total_ms),
            one.share_percent.toFixed(1),
            one.rows_per_call.toFixed(1),
            formatBytes(one.read_bytes),
            formatBytes(one.temp_bytes),
            formatBytes(one.wal_bytes),
            inOneLine(one.query ?? 'not for this role', LONGEST_TEXT),
          ]),
        ),
      )
      const first = statements.find(({ id }) => id !== null)
      if (first) session.out.next(`holdfast query show ${first.id}`)
      return EXIT.ok
    },
  )
}

function addShow(query: Command, finish: Finish): void {
  runWith(
    query
      .command('show')
      .description('one statement: its text, what it did, and its last day where a history is kept')
      .argument('<id>', 'its id, or its fingerprint: holdfast query top'),
    finish,
    async (session, _, [key = '']) => {
      const { reader, holdfast } = await lookWith(session)
      const history = await holdfast.openHistory(reader)
      const now = Date.now()
      const story = await readStatement(reader, key, history, { fromMs: now - DAY_MS, toMs: now })
      session.out.result({ database: holdfast.address, ...storyAsJson(story) }, () => storyInWords(story))
      if (story.id !== null) session.out.next(`holdfast query explain ${story.id}`)
    },
  )
}

const HEIGHTS = '▁▂▃▄▅▆▇█'
/** As wide as a line of text. */
const SPARK_WIDTH = 60

function storyInWords({ text, totals, history, fingerprint }: StatementStory): Lines {
  return [
    ...linesIn(text.trim()),
    '',
    totals
      ? `${plural(totals.calls, 'call')} of ${formatDuration(totals.totalMs / Math.max(1, totals.calls))}, ${formatDuration(totals.totalMs)} in all, since the statistics were reset.`
      : 'The statistics know it no more; the history does.',
    history === null
      ? colours.dim('There is no history, or not for this role: holdfast serve keeps one.')
      : `The last day  ${sparkline(history.totalMs)}  time, in steps of ${formatDuration(DAY_MS / SPARK_WIDTH)}`,
    colours.dim(`fingerprint ${fingerprint}`),
  ]
}

/** A day in one line; a blank where nothing was collected. */
function sparkline(values: readonly (number | null)[]): string {
  const width = Math.ceil(values.length / SPARK_WIDTH)
  const sums = Array.from({ length: Math.ceil(values.length / width) }, (_, step) => {
    const known = values.slice(step * width, (step + 1) * width).filter((value) => value !== null)
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0)
  })
  const greatest = Math.max(...sums.map((sum) => sum ?? 0), Number.EPSILON)
  return sums
    .map((sum) => (sum === null ? ' ' : (HEIGHTS[Math.min(7, Math.floor((8 * sum) / greatest))] ?? ' ')))
    .join('')
}

interface ExplainFlags {
  sql?: string
  value?: string[]
  analyze?: boolean
  timeout: string
}

function addExplain(query: Command, finish: Finish): void {
  runWith<ExplainFlags>(
    query
      .command('explain')
      .description(
        'how PostgreSQL does a statement; with --analyze how it did, in a transaction that is rolled back',
      )
      .argument('[id]', 'its id: holdfast query top')
      .option('--sql <text>', 'the statement itself, - for stdin')
      .option('--value <value>', 'for $1; again for $2 and so on', (one: string, all: string[] = []) => [
        ...all,
        one,
      ])
      .option('--analyze', 'run it, where nothing can be written')
      .option('--timeout <seconds>', 'what it may take', '10'),
    finish,
    async (session, { sql, value, analyze, timeout }, [id]) => {
      if (id === undefined && sql === undefined)
        throw usage('say which: an id of holdfast query top, or --sql')
      if (id !== undefined && sql !== undefined) throw usage('an id or --sql, not both')
      if (!/^[1-9]\d{0,3}$/.test(timeout)) throw usage('--timeout: a whole number of seconds from 1 to 9999')
      const { holdfast } = await lookWith(session)
      const text = sql === '-' ? session.readUrlFile('-', '--sql') : sql
      const explained = await explain(holdfast.pool, systemClock, {
        id,
        text,
        values: value,
        analyze,
        timeoutMs: Number(timeout) * 1_000,
      })
      session.out.result({ database: holdfast.address, ...explanationAsJson(explained) }, () =>
        explainedInWords(explained),
      )
      if (!explained.isMeasured && id !== undefined)
        session.out.next(
          `holdfast query explain ${id} --analyze${explained.kind === 'generic' ? ' --value ...' : ''}`,
        )
    },
  )
}

function explainedInWords({ plan, remarks, planningMs, executionMs, kind, isMeasured }: Explanation): Lines {
  const times = [
    planningMs === null ? undefined : `planned in ${formatDuration(planningMs)}`,
    executionMs === null ? undefined : `done in ${formatDuration(executionMs)}`,
  ].filter((one) => one !== undefined)
  return [
    ...nodeInWords(plan, '', ''),
    '',
    ...(times.length === 0 ? [] : [`${times.join(', ')}.`]),
    isMeasured
      ? 'It was run where nothing can be written, and rolled back.'
      : `It was not run: shares are of the estimated cost, ${kind === 'generic' ? 'for any values' : kind}.`,
    ...remarks.map((remark) => `${colours.yellow('!')} ${remark}`),
  ]
}

function nodeInWords(node: PlanNode, lead: string, below: string): string[] {
  const rows =
    node.actualRows === null
      ? `about ${Math.round(node.estimatedRows)} rows`
      : `${Math.round(node.actualRows)} rows of ${Math.round(node.estimatedRows)} expected${(node.loops ?? 1) > 1 ? `, ${node.loops} times` : ''}`
  const share = node.selfMs === null ? `${node.share}%` : `${formatDuration(node.selfMs)}, ${node.share}%`
  const marks = [
    node.misestimate === null ? '' : colours.yellow(` ${Math.round(node.misestimate)}x off`),
    node.spilledBytes === null ? '' : colours.red(` spilled ${formatBytes(node.spilledBytes)}`),
  ].join('')
  const condition =
    node.condition === null ? [] : [colours.dim(`${below}    ${inOneLine(node.condition, LONGEST_TEXT)}`)]
  return [
    `${lead}${colours.bold(node.type)}${node.on === null ? '' : ` ${node.on}`}  ${rows}  ${colours.cyan(share)}${marks}`,
    ...condition,
    ...node.children.flatMap((child, index) => {
      const isLast = index === node.children.length - 1
      return nodeInWords(child, `${below}${isLast ? '└─ ' : '├─ '}`, `${below}${isLast ? '   ' : '│  '}`)
    }),
  ]
}

function addReset(query: Command, finish: Finish): void {
  runWith<{ yes?: boolean }>(
    query
      .command('reset')
      .description("forget the statistics of this database's statements; what the history has kept stays")
      .option('--yes', 'do it without asking'),
    finish,
    async (session, { yes }) => {
      const { holdfast } = await lookWith(session)
      if (yes !== true)
        await confirmPlan(session, `Forget the statistics of all statements of ${holdfast.address}`)
      await resetStatements(holdfast.ownQueries, holdfast.recorder)
      session.out.result({ database: holdfast.address, reset: true }, () => 'The statistics begin anew.')
    },
  )
}
