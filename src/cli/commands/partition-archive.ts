import { plural } from '../../core/index.ts'
import { type Command, Option } from 'commander'
import {
  archive,
  ARCHIVE_FORMATS,
  type ArchiveFormat,
  manifestOf,
  restoreArchive,
  retain,
  type Retained,
} from '../../partitions/index.ts'
import { type Finish, runWith } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { lookWith } from '../looking.ts'
import { failureInWords } from './partition-failure.ts'
import type { Session } from '../session.ts'
import { colours } from '../colours.ts'
import { type Lines } from '../output.ts'

/** Taking old partitions away, and bringing them back. */
export function addPartitionArchive(partition: Command, finish: Finish): void {
  addRetain(partition, finish)
  addArchive(partition, finish)
  addRestore(partition, finish)
}

const formatOption = (): Option =>
  new Option('--format <format>', 'how rows of archives are written')
    .choices(ARCHIVE_FORMATS)
    .default('ndjson')

function addRetain(partition: Command, finish: Finish): void {
  runWith<{ dryRun?: boolean; format: ArchiveFormat }>(
    partition
      .command('retain')
      .description('take away partitions that are older than is kept; the last one never')
      .argument('[table]', 'default: all that are kept')
      .addOption(formatOption())
      .option('--dry-run', 'only say which'),
    finish,
    async (session, { dryRun = false, format }, [name]) => {
      const holdfast = await session.connect()
      const done = await retain(holdfast.partitions, {
        table: name,
        isDryRun: dryRun,
        format,
        recorder: holdfast.recorder,
        onPartition: telling(session),
      })
      const code = told(session, holdfast.address, done, dryRun)
      if (dryRun && done.some(({ detached, dropped }) => detached.length + dropped.length > 0))
        session.out.next(`holdfast partition retain${name === undefined ? '' : ` ${name}`}`)
      return code
    },
  )
}

function addArchive(partition: Command, finish: Finish): void {
  runWith<{ to?: string; partition?: string[]; format: ArchiveFormat; dryRun?: boolean }>(
    partition
      .command('archive')
      .description('archive partitions, read the archives back, and drop them')
      .argument('<table>', 'as SQL names it: public.logs')
      .option(
        '--to <place>',
        'a folder, or s3://bucket/prefix; default: what the retention of the table says',
      )
      .addOption(formatOption())
      .option('--partition <name...>', 'default: all that are older than is kept')
      .option('--dry-run', 'only say which'),
    finish,
    async (session, { to, partition: names, format, dryRun = false }, [name = '']) => {
      const holdfast = await session.connect()
      const done = await archive(holdfast.partitions, {
        table: name,
        to,
        partitions: names,
        isDryRun: dryRun,
        format,
        recorder: holdfast.recorder,
        onPartition: telling(session),
      })
      const code = told(session, holdfast.address, done, dryRun)
      const [first] = done.flatMap(({ archives }) => archives)
      if (first !== undefined) session.out.next(`holdfast partition restore-archive ${name} ${first}`)
      return code
    },
  )
}

function addRestore(partition: Command, finish: Finish): void {
  runWith(
    partition
      .command('restore-archive')
      .description('bring a partition back from its archive, and attach it')
      .argument('<table>', 'as SQL names it: public.logs')
      .argument(
        '<partition>',
        'its name; or the file that ends with .manifest.json: its path, or its address in a bucket',
      ),
    finish,
    async (session, _, [name = '', which = '']) => {
      const { holdfast, reader } = await lookWith(session)
      const isFile = /\.json(\?.*)?$|\//.test(which)
      const manifest = isFile
        ? which
        : await manifestOf(reader, holdfast.partitions, await reader.qualified(name), which)
      const done = await restoreArchive(holdfast.partitions, name, { manifest, recorder: holdfast.recorder })
      session.out.result(
        { database: holdfast.address, ...done },
        ({ table, partition: restored, rows }) =>
          `${restored} is a partition of ${table} again, with ${plural(rows, 'row')}. Retention leaves it alone; archive it again by name.`,
      )
    },
  )
}

const telling =
  ({ out }: Session) =>
  (table: string, partition: string): void => {
    if (!out.isJson) out.say(colours.dim(`${table}: ${partition}`))
  }

function told(session: Session, database: string, done: readonly Retained[], isDryRun: boolean): number {
  session.out.result({ database, dry_run: isDryRun, tables: done }, () =>
    done.length === 0 ? 'No table is kept yet.' : done.map((one) => inWords(one, isDryRun)),
  )
  return done.some(({ outcome }) => outcome === 'failed') ? EXIT.failure : EXIT.ok
}

function inWords(done: Retained, isDryRun: boolean): Lines {
  const { table: of, outcome, detached, dropped, archives } = done
  if (outcome === 'replica') return `${of}: this is a replica; its primary takes them away.`
  if (outcome === 'busy') return `${of}: somebody else looks after it just now.`
  if (outcome === 'failed') return failureInWords(done)
  if (detached.length + dropped.length === 0) return `${of}: nothing is older than is kept.`
  const would = isDryRun ? 'would be ' : ''
  const line = (names: readonly string[], did: string): string[] =>
    names.length === 0
      ? []
      : [`${of}: ${plural(names.length, 'partition')} ${would}${did}: ${names.join(', ')}`]
  return [
    ...line(dropped, 'dropped'),
    ...line(detached, 'detached'),
    ...archives.map((manifest) => colours.dim(`  ${manifest}`)),
  ]
}
