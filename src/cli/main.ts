import { toolVersion } from '../core/index.ts'
import { Command, CommanderError } from 'commander'
import { addAccess } from './commands/access.ts'
import { addActivity } from './commands/activity.ts'
import { addAlert } from './commands/alert.ts'
import { addBackfill } from './commands/backfill.ts'
import { addCompletion } from './commands/completion.ts'
import { addConfig } from './commands/config.ts'
import { addDashboards } from './commands/dashboards.ts'
import { addDoctor } from './commands/doctor.ts'
import { addInit } from './commands/init.ts'
import { addMetrics } from './commands/metrics.ts'
import { addMigrate } from './commands/migrate.ts'
import { addOpenApi } from './commands/openapi.ts'
import { addPartition } from './commands/partition.ts'
import { addPool } from './commands/pool.ts'
import { addQuery } from './commands/query.ts'
import { addReset } from './commands/reset.ts'
import { addRollback } from './commands/rollback.ts'
import { addSchema } from './commands/schema.ts'
import { addServe } from './commands/serve.ts'
import { addSession } from './commands/session.ts'
import { addSignIn } from './commands/sign-in.ts'
import { addStatus } from './commands/status.ts'
import { addTable } from './commands/table.ts'
import { addTop } from './commands/top.ts'
import { addVersion } from './commands/version.ts'
import type { Finish } from './command.ts'
import { usage } from './errors.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { Output } from './output.ts'

const EXAMPLES = `Examples:
  holdfast dev                      start a database and the API for development
  holdfast init                     install Holdfast's schema in DATABASE_URL
  holdfast migrate up               run your pending migrations
  holdfast doctor                   check everything, with the next step for each problem
`

/** The command tree. */
export function buildProgram(finish: Finish): Command {
  const program = new Command('holdfast')
    .description('The production database layer for TypeScript services on PostgreSQL.')
    .addHelpText('before', EXAMPLES)
    .version(toolVersion(), '--version', 'the version of Holdfast')
    .option('--json', 'print one versioned JSON object on stdout')
    .option('--no-input', 'never ask')
    .option('--stack', 'show the stack trace of an error')
    .option('--database-url <url>', 'the database, without a password; default: DATABASE_URL')
    .option('--database-url-file <path>', 'file that holds the URL, - for stdin')
    .enablePositionalOptions(false)
    .exitOverride()
  for (const add of [
    addInit,
    addReset,
    addServe,
    addSignIn,
    addSession,
    addStatus,
    addDoctor,
    addConfig,
    addMigrate,
    addBackfill,
    addRollback,
    addAccess,
    addPartition,
    addPool,
    addTop,
    addActivity,
    addQuery,
    addTable,
    addAlert,
    addMetrics,
    addDashboards,
    addSchema,
    addOpenApi,
    addCompletion,
    addVersion,
  ])
    add(program, finish)
  // Subcommands made through .command() inherit exitOverride only when they are made after it was set.
  const out = new Output({ json: false })
  for (const command of allCommands(program))
    command
      .exitOverride()
      .showHelpAfterError('(--help shows what there is)')
      .configureOutput({
        writeOut: (text) => out.document(text),
        writeErr: (text) => out.document(text, process.stderr),
        // It repeats what was typed, or what a script passed on.
        outputError: (text) => out.say(text.trimEnd()),
      })
  return program
}

/** Runs the command line and ends the process with the right exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  // Whoever reads our output may have seen enough: `holdfast config show | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(EXIT.ok)
  })
  let code: number = EXIT.ok
  const program = buildProgram((result) => (code = result))
  try {
    await program.parseAsync(argv)
  } catch (error) {
    if (error instanceof CommanderError) {
      code = error.exitCode === 0 ? EXIT.ok : EXIT.usage
      if (code !== EXIT.ok && argv.includes('--json'))
        new Output({ json: true }).failureAsData(usage(error.message))
    } else {
      new Output({ json: argv.includes('--json'), stack: argv.includes('--stack') }).failure(error)
      code = exitCodeOf(error)
    }
  }
  // Set rather than exit: what was written to a pipe still has to arrive.
  process.exitCode = code
}

function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)]
}
