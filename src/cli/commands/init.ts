import { existsSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { CONFIG_FILES, loadConfig } from '../../config.ts'
import { renderEnvExample } from '../../env-example.ts'
import { removeEmbedded } from '../../embedded/index.ts'
import { stateDirectoryOf } from '../../holdfast.ts'
import { removeSchema } from '../../migrate/index.ts'
import { type Finish, runWith } from '../command.ts'
import { confirmByName } from '../confirm.ts'
import { EXIT } from '../exit-codes.ts'
import type { Session } from '../session.ts'

const CONFIG_TEMPLATE = `import type { ConfigInput } from 'holdfast'

// Everything has a default: "holdfast config show" prints what is in force and where it came from.
// Environment variables win over this file; secrets belong there.
export default {
  database: { pool: { size: 10, overflow: 20 } },
} satisfies ConfigInput
`

/** `init` and its way back, `reset`. */
export function addInit(program: Command, finish: Finish): void {
  runWith(
    program
      .command('init')
      .description(
        "install or update Holdfast's schema; write holdfast.config.ts and .env.example if missing",
      ),
    finish,
    async (session) => {
      const holdfast = await session.connect()
      const ran = await holdfast.installSchema()
      const files = [
        ...(CONFIG_FILES.some((name) => existsSync(name))
          ? []
          : [write('holdfast.config.ts', CONFIG_TEMPLATE)]),
        ...(existsSync('.env.example') ? [] : [write('.env.example', renderEnvExample())]),
      ]
      session.out.result(
        { database: holdfast.address, schema: holdfast.config.database.schema, ran, files },
        (done) =>
          [
            ran.length > 0
              ? `Schema "${done.schema}" in ${done.database}: ${ran.length} migration(s) applied.`
              : `Schema "${done.schema}" in ${done.database} is up to date.`,
            ...files.map((file) => `Wrote ${file}.`),
          ].join('\n'),
      )
      session.out.next('holdfast doctor')
    },
  )

  runWith<{ dryRun?: boolean; confirm?: string; embedded?: boolean }>(
    program
      .command('reset')
      .description(
        "remove Holdfast's schema with everything in it; --embedded removes the embedded database itself",
      )
      .option('--dry-run', 'only say what would be removed')
      .option('--confirm <name>', "the database's name: do not ask")
      .option('--embedded', 'remove the embedded PostgreSQL with all its data, without starting it'),
    finish,
    async (session, options) => {
      if (options.embedded) return resetEmbedded(session, options)
      const holdfast = await session.connect()
      const { schema } = holdfast.config.database
      const { rows } = await holdfast.pool.query<{ name: string; table: string; rows: number }>(
        `SELECT current_database() AS name, c.relname AS table, greatest(c.reltuples, 0)::int AS rows
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') ORDER BY 2`,
        [schema],
      )
      const tables = rows.map(({ table }) => table)
      const name = rows[0]?.name
      if (name === undefined || options.dryRun) {
        session.out.result({ schema, tables, removed: false }, () =>
          name === undefined
            ? `There is no schema "${schema}".`
            : `Would remove schema "${schema}" with ${tables.join(', ')}.`,
        )
        return EXIT.ok
      }
      await confirmByName(
        session,
        name,
        options.confirm,
        `This removes schema "${schema}" with ${tables.join(', ')} from ${holdfast.address}.`,
      )
      const removed = await removeSchema(holdfast.directUrl, schema)
      session.out.result({ schema, tables, removed }, () => `Removed schema "${schema}".`)
      session.out.next('holdfast init')
      return EXIT.ok
    },
  )
}

async function resetEmbedded(
  session: Session,
  options: { dryRun?: boolean; confirm?: string },
): Promise<number> {
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

function write(name: string, content: string): string {
  writeFileSync(name, content, { flag: 'wx' })
  return name
}
