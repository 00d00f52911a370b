import type { Command } from 'commander'
import { formatBytes, formatDuration, plural, quoteWhereNeeded } from '../../core/index.ts'
import {
  bloatAsJson,
  optimize,
  type OptimizeProgress,
  planOptimize,
  readHeld,
  readIndexUsage,
  readLargestTables,
  readTableBloat,
  resolveTables,
} from '../../monitor/index.ts'
import { type Finish, runWith } from '../command.ts'
import { confirmPlan } from '../confirm.ts'
import { usage } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { checkContextOf, lookWith } from '../looking.ts'
import { table } from '../output.ts'
import { colours } from '../colours.ts'

/** Smaller ones are an estimate's error. */
const BLOAT = { leastBytes: 1_024 * 1_024, leastPercent: 20, most: 50 }

const MOST_TABLES = 100_000
const qualifiedName = ({ schema, table: name }: { schema: string; table: string }): string =>
  `${quoteWhereNeeded(schema)}.${quoteWhereNeeded(name)}`

/** Tables: how big, how much of it is empty, and tidying up what needs it. */
export function addTable(program: Command, finish: Finish): void {
  const group = program
    .command('table')
    .description('tables: how big, how much of it is empty, and tidying up what needs it')
    .addHelpText(
      'before',
      `Examples:
  holdfast table list                   tables by size
  holdfast table show public.orders     one of them, with its indexes and how they are used
  holdfast table optimize --dry-run     what VACUUM, ANALYZE and REINDEX would help
`,
    )
  addList(group, finish)
  addShow(group, finish)
  addBloat(group, finish)
  addOptimize(group, finish)
}

function addList(group: Command, finish: Finish): void {
  runWith<{ limit: string }>(
    group
      .command('list')
      .description('tables by size, as of the last VACUUM or ANALYZE')
      .option('--limit <n>', 'how many', '50'),
    finish,
    async (session, { limit }) => {
      if (!/^[1-9]\d{0,4}$/.test(limit)) throw usage('--limit: a whole number from 1 to 99999')
      const looking = await lookWith(session)
      const { holdfast, reader } = looking
      const tables = await readLargestTables(reader, Number(limit))
      session.out.result({ database: holdfast.address, tables }, () =>
        tables.length === 0
          ? 'There is no table.'
          : table(
              ['table', 'size', 'indexes', 'toast', 'rows', 'dead'],
              tables.map((one) => [
                qualifiedName(one),
                formatBytes(one.total_bytes),
                formatBytes(one.index_bytes),
                formatBytes(one.toast_bytes),
                one.estimated_rows,
                one.dead_rows,
              ]),
            ),
      )
    },
  )
}

function addShow(group: Command, finish: Finish): void {
  runWith(
    group
      .command('show')
      .description('one table: its size, its indexes and how they are used')
      .argument('<table>', 'as SQL names it: public.orders'),
    finish,
    async (session, _, [name = '']) => {
      const looking = await lookWith(session)
      const { holdfast, reader } = looking
      const [qualified = ''] = await resolveTables(reader, [name])
      const all = await readLargestTables(reader, MOST_TABLES)
      const found = all.find((one) => qualifiedName(one) === qualified)
      if (!found) throw usage(`${qualified} is no table with rows of its own; holdfast table list names all`)
      const isHeld = (await readHeld(reader)).includes(qualified)
      const indexes = (await readIndexUsage(await checkContextOf(looking))).filter(
        ({ table: of }) => of === qualified,
      )
      session.out.result({ database: holdfast.address, ...found, indexes }, () => [
        `${colours.bold(qualified)}  ${formatBytes(found.total_bytes)}: rows ${formatBytes(found.table_bytes)}, indexes ${formatBytes(found.index_bytes)}, toast ${formatBytes(found.toast_bytes)}`,
        `${found.estimated_rows === null ? 'rows not known' : `about ${plural(found.estimated_rows, 'row')}`}, ${found.dead_rows ?? 0} dead`,
        ...(indexes.length === 0
          ? [isHeld ? 'Somebody holds it just now: its indexes cannot be asked for.' : 'It has no index.']
          : [
              table(
                ['index', 'size', 'used', 'last used'],
                indexes.map((one) => [
                  one.is_valid ? one.index : `${one.index} (not valid)`,
                  formatBytes(one.bytes),
                  one.scans,
                  one.last_scan_at,
                ]),
              ),
            ]),
      ])
    },
  )
}

function addBloat(group: Command, finish: Finish): void {
  runWith(
    group
      .command('bloat')
      .description('tables that are bigger than what they hold, estimated from statistics'),
    finish,
    async (session) => {
      const looking = await lookWith(session)
      const { holdfast, reader } = looking
      const bloated = (await readTableBloat(reader, BLOAT)).map(bloatAsJson)
      session.out.result({ database: holdfast.address, tables: bloated }, () =>
        bloated.length === 0
          ? 'No table is much bigger than what it holds, as far as statistics tell.'
          : [
              table(
                ['table', 'size', 'empty', '%'],
                bloated.map((one) => [
                  one.table,
                  formatBytes(one.bytes),
                  formatBytes(one.wasted_bytes),
                  one.wasted_percent,
                ]),
              ),
              'New rows fill what is empty. To give it back a table has to be written anew, which locks it, in a quiet hour:',
              ...bloated.slice(0, 1).map((one) => colours.cyan(`VACUUM (FULL, ANALYZE) ${one.table};`)),
            ],
      )
    },
  )
}

function addOptimize(group: Command, finish: Finish): void {
  runWith<{ dryRun?: boolean; yes?: boolean }>(
    group
      .command('optimize')
      .description('VACUUM, ANALYZE and REINDEX CONCURRENTLY of what needs it, slowly; nobody waits')
      .argument('[table...]', 'schema-qualified; default: all that need it')
      .option('--dry-run', 'only say what')
      .option('--yes', 'do it without asking'),
    finish,
    async (session, { dryRun, yes }, names) => {
      const looking = await lookWith(session)
      const { holdfast, reader } = looking
      const tables = names.length === 0 ? undefined : await resolveTables(reader, names)
      const steps = await planOptimize(await checkContextOf(looking), tables)
      const held = await readHeld(reader)
      if (held.length > 0)
        session.out.say(colours.yellow(`Held by somebody just now, and left out: ${held.join(', ')}`))
      const shown = steps.flatMap(({ sql, why }) => [sql, `  ${colours.dim(why)}`])
      if (dryRun === true || steps.length === 0) {
        session.out.result({ database: holdfast.address, dry_run: dryRun === true, steps }, () =>
          steps.length === 0 ? 'Nothing needs it.' : shown,
        )
        if (steps.length > 0) session.out.next(`holdfast table optimize ${names.join(' ')}`.trimEnd())
        return EXIT.ok
      }
      if (yes !== true) await confirmPlan(session, shown)
      const stopping = new AbortController()
      const running = optimize(holdfast.directUrl, steps, {
        recorder: holdfast.recorder,
        signal: stopping.signal,
        onProgress: (progress) => session.out.isJson || session.out.say(colours.dim(progressLine(progress))),
      })
      // Whoever interrupts it waits until the server has let go.
      session.own('optimizing', async () => {
        stopping.abort()
        await running.catch(() => {}) // told below
      })
      const outcomes = await running
      session.out.result({ database: holdfast.address, dry_run: false, steps: outcomes }, () =>
        outcomes.map(({ sql, outcome, seconds, error }) =>
          outcome === 'done'
            ? `${colours.green('done  ')} ${sql} (${formatDuration(seconds * 1_000)})`
            : `${colours.red('failed')} ${sql}: ${error}`,
        ),
      )
      return outcomes.some(({ outcome }) => outcome === 'failed') ? EXIT.failure : EXIT.ok
    },
  )
}

function progressLine({ step, number, of, phase, percent }: OptimizeProgress): string {
  const far = percent === null ? '' : `, ${percent}%`
  return `${number}/${of} ${step.sql}${phase === null ? '' : `: ${phase}${far}`}`
}
