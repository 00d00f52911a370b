import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { join, relative, resolve } from 'node:path'
import type { Command } from 'commander'
import type { Holdfast } from '../../holdfast.ts'
import { type Finish, runWith } from '../command.ts'
import { addSchemaStructure } from './schema-structure.ts'
import { generatorFailed, generatorMissing, typesOutdated } from '../errors.ts'

interface TypesFlags {
  out: string
  check?: boolean
}

export function addSchema(program: Command, finish: Finish): void {
  const schema = program.command('schema').description('the structure of the database')
  addSchemaStructure(schema, finish)

  runWith<TypesFlags>(
    schema
      .command('types')
      .description('write the types of all tables for Kysely, with kysely-codegen')
      .argument('[options...]', 'behind --, passed on: --camel-case, --singularize, --type-mapping ...')
      .option('--out <file>', 'where to', 'src/database.ts')
      .option('--check', 'write nothing; fail when the file is not what the database says'),
    finish,
    async (session, { out: file, check = false }, passedOn) => {
      const { out } = session
      const generator = findGenerator()
      const path = resolve(file)
      if (check && !existsSync(path)) throw typesOutdated([relative('', path), ...passedOn])
      const holdfast = await session.connect()
      const excluded = await excludedTables(holdfast, passedOn)
      const flags = [
        '--dialect',
        'postgres',
        '--out-file',
        path,
        '--exclude-pattern',
        excluded.pattern,
        '--log-level',
        'error',
      ]
      const { code, words } = await run(
        [generator, ...flags, ...(check ? ['--verify'] : []), ...excluded.passedOn],
        holdfast.directUrl,
      )
      // It tells a file that differs, and everything else, by the same code.
      if (code !== 0 && check && /not up-to-date/i.test(words))
        throw typesOutdated([relative('', path), ...passedOn])
      if (code !== 0) throw generatorFailed(code, words)
      out.result({ file: path, written: !check }, () =>
        check
          ? `${relative('', path)} is what ${holdfast.address} says.`
          : `Wrote ${relative('', path)} from ${holdfast.address}.`,
      )
    },
  )
}

/** Nobody's own: our schema, and what extensions brought. Of several patterns the generator knows the last one only. */
async function excludedTables(
  { ownQueries, config }: Holdfast,
  passedOn: readonly string[],
): Promise<{ pattern: string; passedOn: readonly string[] }> {
  const { rows } = await ownQueries.query<{ name: string }>(`
    SELECT nspname || '.' || relname AS name
      FROM pg_depend d
      JOIN pg_class c ON c.oid = d.objid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'`)
  const patterns = [`${config.database.schema}.*`, ...rows.map(({ name }) => name)]
  const rest: string[] = []
  for (let n = 0; n < passedOn.length; n += 1) {
    const [, inline] = /^--exclude-pattern(?:=(.*))?$/.exec(passedOn[n] as string) ?? []
    if (!(passedOn[n] as string).startsWith('--exclude-pattern')) rest.push(passedOn[n] as string)
    else {
      const given = inline ?? passedOn[(n += 1)] ?? ''
      patterns.push(given.includes('.') ? given : `*.${given}`)
    }
  }
  return {
    pattern: patterns.length === 1 ? (patterns[0] as string) : `{${patterns.join(',')}}`,
    passedOn: rest,
  }
}

/** The user's own, beside their Kysely. */
function findGenerator(): string {
  try {
    return createRequire(join(process.cwd(), 'package.json')).resolve('kysely-codegen/dist/cli/bin.js')
  } catch (error) {
    throw generatorMissing(error)
  }
}

/** The URL goes through the environment: everybody may read the list of processes. */
async function run(args: readonly string[], url: string): Promise<{ code: number | null; words: string }> {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, DATABASE_URL: url, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let words = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (words += String(bytes)))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, words: words.replaceAll(url, 'the database').trim() }
}
