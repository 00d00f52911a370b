import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import type { AdminServer } from '../../admin/index.ts'
import type { ConfigInput } from '../../config.ts'
import { messageOf } from '../../core/index.ts'
import type { Holdfast } from '../../holdfast.ts'
import { inspectSchema, migrateUp } from '../../migrate/index.ts'
import { UpkeepSchedule } from '../../partitions/index.ts'
import { type Finish, runWith } from '../command.ts'
import { usage } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import type { Session } from '../session.ts'
import { colours } from '../colours.ts'

interface ServeFlags {
  host?: string
  port?: string
  insecure?: boolean
}

/** `serve` for a database that is looked after elsewhere; `dev` for one of your own that is made ready first. */
export function addServe(program: Command, finish: Finish): void {
  runWith<ServeFlags>(
    withAddress(program.command('serve').description('serve the HTTP API until it is told to stop')),
    finish,
    async (session, flags) => {
      const holdfast = await connect(session, flags)
      await hintAtSchema(session, holdfast)
      return serveUntilStopped(session, holdfast)
    },
  )

  runWith<ServeFlags>(
    withAddress(
      program
        .command('dev')
        .description(
          "for development: a database if there is none, Holdfast's schema, your migrations, the API",
        ),
    ),
    finish,
    async (session, flags) => {
      const holdfast = await connect(session, flags)
      await holdfast.installSchema()
      if (existsSync(holdfast.migrations.directory)) {
        const ran = await migrateUp(holdfast.migrations, {
          ...holdfast.migrateOptions,
          allowOutOfOrder: true,
        })
        if (ran.length > 0) session.out.say(`Applied ${ran.length} of your migrations.`)
      }
      return serveUntilStopped(session, holdfast)
    },
  )
}

function withAddress(command: Command): Command {
  return command
    .option('--host <address>', 'address to bind to; default 127.0.0.1')
    .option('--port <number>', 'port; 0 takes any that is free; default 4600')
    .option('--insecure', 'allow plain HTTP on an address that is not loopback')
}

async function connect(session: Session, { host, port, insecure }: ServeFlags): Promise<Holdfast> {
  if (port !== undefined && !/^\d{1,5}$/.test(port)) throw usage(`--port: "${port}" is not a port number.`)
  const admin: ConfigInput['admin'] = { host, port: port === undefined ? undefined : Number(port), insecure }
  return session.connect({ ...session.configInput(), admin })
}

async function hintAtSchema(session: Session, holdfast: Holdfast): Promise<void> {
  const { state } = await inspectSchema(holdfast.ownQueries, holdfast.config.database.schema)
  if (state === 'missing' || state === 'outdated') {
    session.out.say(
      colours.yellow(
        `Holdfast's schema is ${state} in ${holdfast.address}. If you may create it: holdfast init`,
      ),
    )
  }
}

async function serveUntilStopped(session: Session, holdfast: Holdfast): Promise<number> {
  // Loaded here: the other commands start without a web framework.
  const { serveAdmin } = await import('../../admin/index.ts')
  const server = await serveAdmin(
    {
      pool: holdfast.pool,
      otherPools: Object.values(holdfast.pools).slice(1),
      schema: holdfast.config.database.schema,
      migrations: holdfast.migrations,
      migrateOptions: holdfast.migrateOptions,
      access: holdfast.access,
      partitions: holdfast.partitions,
      monitor: holdfast.monitor,
      alerts: holdfast.alerts,
      configuration: holdfast.configuration,
      limits: holdfast.limits,
    },
    holdfast.config.admin,
    holdfast.stateDirectory,
  )
  session.own('HTTP API', () => server.close())
  lookAfterPartitions(session, holdfast)
  holdfast.startMonitoring()
  session.out.result({ url: server.url, database: holdfast.address }, () => [
    `${colours.bold('Holdfast')} ${server.url}`,
    ...howToGetIn(session, server),
  ])
  session.out.say(colours.dim(`Database ${holdfast.address}. Ctrl-C stops.`))
  const signal = await session.untilStopped()
  session.out.say(colours.dim(`${signal}: stopping.`))
  return EXIT.ok
}

/** Whoever has the link is an admin: it is for the eyes of whoever sits there, and no log keeps it. */
function howToGetIn(session: Session, server: AdminServer): string[] {
  if (process.stdout.isTTY) return [`Sign in, once, within ten minutes: ${server.createSignInLink()}`]
  if (!session.out.isJson) session.out.next('holdfast sign-in')
  return []
}

function lookAfterPartitions(session: Session, holdfast: Holdfast): void {
  const { upkeepMs } = holdfast.config.partitions
  if (upkeepMs === 0) return
  const schedule = new UpkeepSchedule(holdfast.partitions, {
    everyMs: upkeepMs,
    recorder: holdfast.recorder,
    onFailure: (what, error) => session.out.say(colours.red(`${what}: ${messageOf(error)}`)),
  })
  session.own('upkeep of partitions', () => schedule.close())
}
