import { plural } from '../../core/index.ts'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { loadConfig } from '../../config.ts'
import { baseline, generate, newIds, squash } from '../../migrate/index.ts'
import { type Finish, runWith } from '../command.ts'
import { confirmByName } from '../confirm.ts'
import { usage } from '../errors.ts'
import type { Session } from '../session.ts'
import { linesIn } from '../output.ts'

interface GenerateFlags {
  message?: string
  schema: string
  rename?: string[]
  renames?: boolean
  dryRun?: boolean
  shadowUrlFile?: string
}

interface SquashFlags {
  to?: string
  leaveRowsOut?: boolean
  dryRun?: boolean
  confirm?: string
  shadowUrlFile?: string
}

const SHADOW = [
  '--shadow-url-file <path>',
  'a server for scratch databases instead of the embedded one',
] as const

export function addMigrateWriting(migrate: Command, finish: Finish): void {
  addNew(migrate, finish)
  addGenerate(migrate, finish)
  addSquash(migrate, finish)
  addBaseline(migrate, finish)
}

async function directoryOf(session: Session): Promise<string> {
  const { config } = await loadConfig({ args: session.configInput() })
  return resolve(config.migrate.directory)
}

/** Words as a folder's name has them. */
function nameFrom(words: readonly string[]): string {
  const name = words
    .join('_')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
  if (name === '') throw usage('say in a few words what the migration does: holdfast migrate new add_depot')
  return name
}

function addNew(migrate: Command, finish: Finish): void {
  runWith(
    migrate.command('new').description('begin a migration').argument('<words...>', 'what it does'),
    finish,
    async (session, _, words) => {
      const directory = await directoryOf(session)
      const [id] = newIds({ directory, name: nameFrom(words) }, 1) as [string]
      const folder = join(directory, id)
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'up.sql'), '-- What changes.\n')
      writeFileSync(
        join(folder, 'down.sql'),
        '-- How it is taken back; or remove this file, and begin up.sql with: -- holdfast: irreversible\n',
      )
      session.out.result(
        { id, folder: relative('', folder) },
        () => `Began ${relative('', folder)}: up.sql and down.sql.`,
      )
      session.out.next('holdfast migrate lint')
    },
  )
}

function addGenerate(migrate: Command, finish: Finish): void {
  runWith<GenerateFlags>(
    migrate
      .command('generate')
      .description('work out the migration to what db/schema.sql says, and prove it on a scratch database')
      .option('-m, --message <words>', 'what it does')
      .option('--schema <file>', 'the structure that is wanted, as SQL', 'db/schema.sql')
      .option(
        '--rename <old=new...>',
        'a table or column that was renamed: public.users.mail=public.users.email',
      )
      .option('--no-renames', 'nothing else was renamed')
      .option('--dry-run', 'only print it')
      .option(...SHADOW),
    finish,
    async (session, { message = 'change', schema, rename = [], renames, dryRun = false, shadowUrlFile }) => {
      const directory = await directoryOf(session)
      const pairs = rename.map((one) => {
        const [from, to] = one.split('=')
        if (!from || !to) throw usage(`--rename ${one}: write it as old=new`)
        return [from, to] as const
      })
      const { migrations, losses, notCompared } = await generate({
        directory,
        schemaFile: resolve(schema),
        name: nameFrom([message]),
        renames: new Map(pairs),
        areAll: renames === false,
        isDryRun: dryRun,
        shadowUrl: session.readUrlFile(shadowUrlFile, '--shadow-url-file'),
      })
      const { out } = session
      out.result({ dry_run: dryRun, migrations, losses, not_compared: notCompared }, () => {
        if (migrations.length === 0) return `The migrations build what ${schema} says already.`
        const lost = losses.map((loss) => `Going up loses ${loss}.`)
        const texts = migrations.map(({ id, up, down }) =>
          dryRun
            ? [
                `-- ${id}/up.sql`,
                ...linesIn(up.trimEnd()),
                ...(down === undefined ? [] : [`-- ${id}/down.sql`, ...linesIn(down)]),
              ]
            : `Wrote ${relative('', join(directory, id))}`,
        )
        return [
          ...texts,
          ...lost,
          `Proven up and down on a scratch database. Not compared: ${notCompared.join(', ')}.`,
        ]
      })
      if (migrations.length > 0 && !dryRun) out.next('holdfast migrate lint')
    },
  )
}

function addSquash(migrate: Command, finish: Finish): void {
  runWith<SquashFlags>(
    migrate
      .command('squash')
      .description('put one migration in the place of all, or of those up to one')
      .option('--to <id>', 'the last one')
      .option('--leave-rows-out', 'also where statements about rows are left out')
      .option('--dry-run', 'only say which')
      .option('--confirm <name>', 'the name of the last one, instead of being asked')
      .option(...SHADOW),
    finish,
    async (session, { to, leaveRowsOut, dryRun = false, confirm, shadowUrlFile }) => {
      const directory = await directoryOf(session)
      const shadowUrl = session.readUrlFile(shadowUrlFile, '--shadow-url-file')
      const options = { to, leavesRowsOut: leaveRowsOut, shadowUrl }
      const { id, replaced } = await squash(directory, { ...options, isDryRun: true })
      if (!dryRun) {
        const last = replaced.at(-1) as string
        await confirmByName(
          session,
          last,
          confirm,
          `This removes the folders of ${plural(replaced.length, 'migration')} from ${relative('', directory)}.`,
        )
        await squash(directory, options)
      }
      session.out.result(
        { id, replaced, dry_run: dryRun },
        () =>
          `${dryRun ? 'Would put' : 'Put'} ${id} in the place of ${plural(replaced.length, 'migration')}.`,
      )
      session.out.next('holdfast migrate up')
    },
  )
}

function addBaseline(migrate: Command, finish: Finish): void {
  runWith<{ dryRun?: boolean; shadowUrlFile?: string }>(
    migrate
      .command('baseline')
      .description(
        'adopt a database that is there: its structure becomes the first migration, which counts as run',
      )
      .option('--dry-run', 'only say which it would be')
      .option(...SHADOW),
    finish,
    async (session, { dryRun = false, shadowUrlFile }) => {
      const holdfast = await session.connect()
      const { id, isProven, notCompared } = await baseline(holdfast.migrations, {
        ...holdfast.migrateOptions,
        ownSchema: holdfast.config.database.schema,
        shadowUrl: session.readUrlFile(shadowUrlFile, '--shadow-url-file'),
        isDryRun: dryRun,
      })
      session.out.result(
        { id, database: holdfast.address, dry_run: dryRun, proven: isProven, not_compared: notCompared },
        ({ database }) => [
          `${dryRun ? 'Would write' : 'Wrote'} ${id} from ${database}; there it counts as run.`,
          isProven
            ? 'Built on a scratch database, it came out the same.'
            : 'It runs on a scratch database, whose version is another: whether it came out the same was not compared.',
          `Not compared: ${notCompared.join(', ')}.`,
        ],
      )
      session.out.next('holdfast migrate status')
    },
  )
}
