import { plural } from '../../core/index.ts'
import { existsSync, statSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { basename, dirname } from 'node:path'
import type { Command } from 'commander'
import { loadConfig } from '../../config.ts'
import {
  knowDatabase,
  type LintFinding,
  lintMeasured,
  type LintOptions,
  lintScripts,
  readMigration,
  readMigrations,
  readScript,
  readSnapshot,
  type Script,
} from '../../migrate/index.ts'
import { type Finish, runWith } from '../command.ts'
import { usage } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import type { Session } from '../session.ts'
import { colours } from '../colours.ts'
import { type Lines, pasteableIn, linesIn } from '../output.ts'

interface LintFlags {
  database?: boolean
  databaseUrl?: string
  databaseUrlFile?: string
  snapshot?: string
  targetVersion?: string
  measure?: boolean
  shadowUrlFile?: string
  format?: string
  json?: boolean
}

const FORMATS = ['text', 'json', 'github']

export function addMigrateLint(migrate: Command, finish: Finish): void {
  runWith<LintFlags>(
    migrate
      .command('lint')
      .description(
        'say what would stop traffic or break services, and the safe way; exit 3 when there is something',
      )
      .argument(
        '[paths...]',
        'files or folders of migrations; default: the configured folder, or what is pending',
      )
      .option('--database', 'know the configured database: fewer false alarms')
      .option('--snapshot <file>', 'know a database by its snapshot')
      .option('--target-version <n>', 'major version of the server; default: that of the database, else 18')
      .option('--measure', 'run it on a scratch database, and report what was seen')
      .option('--shadow-url-file <path>', 'a server for scratch databases instead of the embedded one')
      .option('--format <format>', `how findings are written: ${FORMATS.join(', ')}`, 'text'),
    finish,
    async (session, flags, paths) => {
      const { out } = session
      if (!FORMATS.includes(flags.format ?? '')) throw usage(`--format: one of ${FORMATS.join(', ')}`)
      const { scripts, directory, knowledge } = await choose(session, flags, paths)
      const options = { ...knowledge, ...version(flags) }
      const findings = flags.measure
        ? await lintMeasured(scripts, {
            ...options,
            directory,
            shadowUrl: session.readUrlFile(flags.shadowUrlFile, '--shadow-url-file'),
          })
        : await lintScripts(scripts, options)
      const shown = findings.map((finding) => ({ ...finding, file: relative('', finding.file) }))
      const isJson = out.isJson || flags.format === 'json'
      out.result(
        { findings: shown },
        () =>
          flags.format === 'github' ? inGitHubsWords(shown) : inWords(pasteableIn(shown), scripts.length),
        isJson,
      )
      return shown.some(({ severity }) => severity !== 'info') ? EXIT.findings : EXIT.ok
    },
  )
}

function version({ targetVersion }: LintFlags): Pick<LintOptions, 'version'> {
  if (targetVersion === undefined) return {}
  const number = Number(targetVersion)
  if (!Number.isInteger(number) || number < 14 || number > 18)
    throw usage('--target-version: a major version from 14 to 18')
  return { version: number }
}

interface Chosen {
  readonly scripts: readonly Script[]
  readonly directory: string
  readonly knowledge: LintOptions
}

/** What is looked at, and what is known of the database. */
async function choose(session: Session, flags: LintFlags, paths: readonly string[]): Promise<Chosen> {
  const wantsDatabase =
    flags.database === true || flags.databaseUrl !== undefined || flags.databaseUrlFile !== undefined
  if (wantsDatabase && flags.snapshot !== undefined)
    throw usage('--database and --snapshot both say what the database is like: give one of them')
  const named = paths.flatMap(scriptsAt)
  if (!wantsDatabase) {
    const { config } = await loadConfig({ args: session.configInput() })
    const directory = resolve(config.migrate.directory)
    const knowledge = flags.snapshot === undefined ? {} : knowledgeOf(flags.snapshot)
    return {
      directory,
      knowledge,
      scripts: paths.length > 0 ? named : readMigrations(directory).map(({ up }) => up),
    }
  }
  const holdfast = await session.connect()
  const { pending, ...knowledge } = await knowDatabase(holdfast.migrations, holdfast.config.database.schema)
  const { directory } = holdfast.migrations
  return { directory, knowledge, scripts: paths.length > 0 ? named : pending.map(({ up }) => up) }
}

function knowledgeOf(path: string): LintOptions {
  const catalog = readSnapshot(resolve(path))
  return { catalog, version: catalog.serverVersion }
}

/** A file, the folder of one migration, or a folder of migrations. */
function scriptsAt(path: string): Script[] {
  const full = resolve(path)
  if (!existsSync(full)) throw usage(`${path}: there is no such file or folder`)
  if (!statSync(full).isDirectory()) return [readScript(full)]
  if (existsSync(resolve(full, 'up.sql')) || existsSync(resolve(full, 'up.ts')))
    return [readMigration(dirname(full), basename(full)).up]
  return readMigrations(full).map(({ up }) => up)
}

const COLOURS = { error: colours.red, warning: colours.yellow, info: colours.dim } as const

function inWords(findings: readonly LintFinding[], count: number): Lines {
  if (findings.length === 0) return `${plural(count, 'migration')}: nothing to say.`
  return findings.map(({ rule, file, line, severity, message, lock, blocks, safe, evidence }, index) => {
    const held =
      lock === null
        ? []
        : [
            `  takes ${lock}${blocks ? ` on ${blocks.tables.join(', ')}: ${blocks.what} wait` : ''} (${evidence})`,
          ]
    const way = safe === null ? [] : ['  safe:', ...linesIn(safe).map((one) => `    ${one}`)]
    return [
      ...(index === 0 ? [] : ['']),
      `${file}:${line}: ${COLOURS[severity](severity)} ${colours.bold(rule)}`,
      `  ${message}`,
      ...held,
      ...way,
    ]
  })
}

/** Annotations of a workflow: https://docs.github.com/actions/reference/workflow-commands-for-github-actions */
function inGitHubsWords(findings: readonly LintFinding[]): Lines {
  const escaped = (text: string): string =>
    text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
  return findings.map(({ rule, file, line, severity, message, safe }) => {
    const level = severity === 'info' ? 'notice' : severity
    return `::${level} file=${escaped(file)},line=${line},title=${rule}::${escaped(safe === null ? message : `${message}\n${safe}`)}`
  })
}
