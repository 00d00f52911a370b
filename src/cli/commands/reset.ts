import type { Command } from 'commander'
import { loadConfig } from '../../config.ts'
import { removeEmbedded } from '../../embedded/index.ts'
import { stateDirectoryOf } from '../../holdfast.ts'
import { removeSchema } from '../../migrate/index.ts'
import { type Finish, runWith } from '../command.ts'
import { confirmByName } from '../confirm.ts'
import { EXIT } from '../exit-codes.ts'
import type { Session } from '../session.ts'

/** What people do not expect. */
const AFTERWARDS =
  'Your own tables stay; the record of which migrations ran goes, so "migrate up" would run them all again.'

interface ResetFlags {
  readonly dryRun?: boolean
  readonly confirm?: string
  readonly embedded?: boolean
}

/** Undoes `init`. */
export function addReset(program: Command, finish: Finish): void {
  runWith<ResetFlags>(
    program
      .command('reset')
      .description(
        "remove Holdfast's schema with everything in it; --embedded removes the embedded database itself",
      )
      .option('--dry-run', 'only say what would be removed')
      .option('--confirm <name>', "the database's name: do not ask")
      .option('--embedded', 'remove the embedded PostgreSQL with all its data, without starting it'),
    finish,
    (session, options) =>
      options.embedded ? resetEmbedded(session, options) : resetSchema(session, options),
  )
}

async function resetSchema(session: Session, options: ResetFlags): Promise<number> {
  const holdfast = await session.connect()
  const { schema } = holdfast.config.database
  const { rows } = await holdfast.ownQueries.query<{ name: string; table: string; rows: number }>(
    `SELECT current_database() AS name, c.relname AS table, greatest(c.reltuples, 0)::int AS rows
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 2`,
    [schema],
  )
  const tables = rows.map(({ table }) => table)
  const name = rows[0]?.name
  if (name === undefined || options.dryRun) {
    session.out.result({ schema, tables, removed: false }, () =>
      name === undefined
        ? `There is no schema "${schema}".`
        : `Would remove schema "${schema}" with ${tables.join(', ')}. ${AFTERWARDS}`,
    )
    return EXIT.ok
  }
  await confirmByName(
    session,
    name,
    options.confirm,
    `This removes schema "${schema}" with ${tables.join(', ')} from ${holdfast.address}. ${AFTERWARDS}`,
  )
  const removed = await removeSchema(holdfast.directUrl, schema)
  session.out.result({ schema, tables, removed }, () => `Removed schema "${schema}". ${AFTERWARDS}`)
  session.out.next('holdfast init')
  return EXIT.ok
}

async function resetEmbedded(session: Session, options: ResetFlags): Promise<number> {
  const { config } = await loadConfig()
  const directory = stateDirectoryOf(config)
  if (options.dryRun) {
    session.out.result(
      { directory, removed: false },
      () => `Would remove the embedded PostgreSQL of ${directory} with all its data.`,
    )
    return EXIT.ok
  }
  await confirmByName(
    session,
    'holdfast',
    options.confirm,
    `This removes the embedded PostgreSQL of ${directory} with all its data.`,
  )
  await removeEmbedded({ ...config.embedded, directory })
  session.out.result({ directory, removed: true }, () => `Removed the embedded PostgreSQL of ${directory}.`)
  return EXIT.ok
}
