import { plural } from '../../core/index.ts'
import { type Command, Option } from 'commander'
import { type Imported, importHistory, OLD_TOOLS, type OldTable } from '../../migrate/index.ts'
import { type Finish, runWith } from '../command.ts'
import { usage } from '../errors.ts'
import { type Lines } from '../output.ts'

interface ImportFlags {
  tool: (typeof OLD_TOOLS)[number]
  from?: string
  table?: string
  shadowUrlFile?: string
  ignoreMissing?: boolean
  dryRun?: boolean
}

export function addMigrateImport(migrate: Command, finish: Finish): void {
  runWith<ImportFlags>(
    migrate
      .command('import')
      .description("take over another tool's migrations, and what it ran on this database; runs nothing")
      .addOption(
        new Option('--tool <name>', 'the tool that is left behind').choices(OLD_TOOLS).makeOptionMandatory(),
      )
      .option('--from <folder>', 'where its migrations are; default: where they usually are')
      .option('--table <schema.name>', 'where it remembers what ran; default: its usual table')
      .option('--ignore-missing', 'leave out what ran and has no file any more')
      .option('--dry-run', 'only say what would be written')
      .option('--shadow-url-file <path>', 'a server for scratch databases instead of the embedded one'),
    finish,
    async (session, { tool, from, table, shadowUrlFile, ignoreMissing, dryRun = false }) => {
      const holdfast = await session.connect()
      const done = await importHistory(holdfast.migrations, {
        ...holdfast.migrateOptions,
        tool,
        from,
        table: tableOf(table),
        ownSchema: holdfast.config.database.schema,
        shadowUrl: session.readUrlFile(shadowUrlFile, '--shadow-url-file'),
        ignoresMissing: ignoreMissing,
        isDryRun: dryRun,
      })
      session.out.result({ database: holdfast.address, tool, dry_run: dryRun, ...done }, () =>
        inWords(done, tool, dryRun),
      )
      session.out.next(dryRun ? `holdfast migrate import --tool ${tool}` : 'holdfast schema drift')
    },
  )
}

function tableOf(text: string | undefined): OldTable | undefined {
  if (text === undefined) return undefined
  const match = /^(?:([^.]+)\.)?([^.]+)$/.exec(text)
  if (!match) throw usage('--table: a name, or schema.name')
  return { schema: match[1] ?? 'public', name: match[2] as string }
}

function inWords(
  { written, imported, pending, baseline, notes }: Imported,
  tool: string,
  isDryRun: boolean,
): Lines {
  const wrote = isDryRun ? 'Would have written' : 'Wrote'
  const files =
    written.length === 0
      ? 'All folders are there already.'
      : baseline === null
        ? `${wrote} ${plural(written.length, 'migration')}.`
        : `${wrote} ${baseline}, which stands for what ${tool} ran: its migrations are programs.`
  const counts =
    imported.length === 0
      ? 'Nothing new ran here'
      : `${plural(imported.length, 'migration')} ${imported.length === 1 ? 'counts' : 'count'} as run here now`
  return [files, `${counts}; ${pending.length} pending.`, ...notes]
}
