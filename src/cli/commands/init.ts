import { existsSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { CONFIG_FILES } from '../../config.ts'
import { isModuleFolder, messageOf, plural } from '../../core/index.ts'
import { renderEnvExample } from '../../env-example.ts'
import { type Finish, runWith } from '../command.ts'
import type { Session } from '../session.ts'

const TEXT = `// Everything has a default: "holdfast config show" prints what is in force and where it came from.
// Environment variables win over this file; secrets belong there.
`
const DEFAULTS = '{\n  database: { pool: { size: 10, overflow: 20 } },\n}'

/** In a package of CommonJS a file that ends in .ts would be taken for it. */
function configTemplate(): [name: string, text: string] {
  return isModuleFolder(process.cwd())
    ? [
        'holdfast.config.ts',
        `import type { ConfigInput } from 'holdfast'\n\n${TEXT}export default ${DEFAULTS} satisfies ConfigInput\n`,
      ]
    : [
        'holdfast.config.mjs',
        `${TEXT}/** @type {import('holdfast').ConfigInput} */\nexport default ${DEFAULTS}\n`,
      ]
}

/** Makes a database ready for Holdfast; `reset` is the way back. */
export function addInit(program: Command, finish: Finish): void {
  runWith(
    program
      .command('init')
      .description(
        "install or update Holdfast's schema; write a configuration file and .env.example if missing",
      ),
    finish,
    async (session) => {
      const holdfast = await session.connect()
      const ran = await holdfast.installSchema()
      const files = [
        ...(CONFIG_FILES.some((name) => existsSync(name)) ? [] : write(session, ...configTemplate())),
        ...(existsSync('.env.example') ? [] : write(session, '.env.example', renderEnvExample())),
      ]
      session.out.result(
        { database: holdfast.address, schema: holdfast.config.database.schema, ran, files },
        (done) => [
          ran.length > 0
            ? `Schema "${done.schema}" in ${done.database}: ${plural(ran.length, 'migration')} applied.`
            : `Schema "${done.schema}" in ${done.database} is up to date.`,
          ...files.map((file) => `Wrote ${file}.`),
        ],
      )
      session.out.next('holdfast doctor')
    },
  )
}

/** The schema is what matters: a folder that cannot be written to is worth a word, not a failure. */
function write(session: Session, name: string, content: string): string[] {
  try {
    writeFileSync(name, content, { flag: 'wx' })
    return [name]
  } catch (error) {
    session.out.say(`${name} could not be written (${messageOf(error)}).`)
    return []
  }
}
