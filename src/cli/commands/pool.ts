import { plural } from '../../core/index.ts'
import type { Command } from 'commander'
import { type Finish, runWith } from '../command.ts'
import { usage } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import {
  type Advice,
  type Holder,
  holdersTable,
  isChange,
  type Picture,
  renderAdvice,
  renderPicture,
} from '../pool-words.ts'
import { askServer, findServer, type RunningServer } from '../running-server.ts'

interface PoolFlags {
  server?: string
  pool?: string
  timeout?: string
}

/** Commands about the pools of a running process: only there are they. */
export function addPool(program: Command, finish: Finish): void {
  const pool = program
    .command('pool')
    .description('the pools of a running Holdfast: status, advice, maintenance window')
    .addHelpText(
      'before',
      `Examples:
  holdfast pool status                    what the pool of the server started from this folder does
  holdfast pool advise --pool jobs        what size the pool "jobs" should have, and why
  holdfast pool drain --timeout 20        close its connections for a maintenance window
`,
    )

  addReadings(pool, finish)
  addWindow(pool, finish)
}

function addReadings(pool: Command, finish: Finish): void {
  runWith<PoolFlags>(
    withServer(pool.command('status')).description('use, lanes, who waits, who holds, what leaked'),
    finish,
    async (session, flags) => {
      const server = await serverOf(flags)
      const picture = await askServer<Picture>(
        server,
        'GET',
        withPool('/v1/database/performance/pool-stats', flags),
        { isArray: ['lanes', 'servers', 'replicas', 'waiters', 'holders', 'recent_leaks'] },
      )
      session.out.result(picture, renderPicture)
      if (picture.is_drained) session.out.next(`holdfast pool resume${named(flags)}`)
      return picture.is_drained ? EXIT.findings : EXIT.ok
    },
  )

  runWith<PoolFlags>(
    withServer(pool.command('advise')).description('what its size should be, from what was wanted of it'),
    finish,
    async (session, flags) => {
      const server = await serverOf(flags)
      const advice = await askServer<Advice>(
        server,
        'GET',
        withPool('/v1/database/performance/pool-advice', flags),
        { isArray: ['reasons'] },
      )
      session.out.result(advice, renderAdvice)
      if (isChange(advice))
        session.out.next(
          `DB_POOL_SIZE=${advice.pool_size} DB_MAX_OVERFLOW=${advice.max_overflow}, then restart`,
        )
    },
  )
}

/** A maintenance window: its begin and its end. */
function addWindow(pool: Command, finish: Finish): void {
  runWith<PoolFlags>(
    withServer(pool.command('drain'))
      .description('close its connections as they come back; callers wait until it is resumed')
      .option('--timeout <seconds>', 'how long to wait for connections in use; default 10'),
    finish,
    async (session, flags) => {
      const seconds = Number(flags.timeout ?? 10)
      if (!(seconds >= 0 && seconds <= 25)) throw usage('--timeout: a number of seconds from 0 to 25.')
      const server = await serverOf(flags)
      const body = { pool: flags.pool, timeout_ms: Math.round(seconds * 1_000) }
      const answer = await askServer<{ is_drained: boolean; still_held: Holder[] }>(
        server,
        'POST',
        '/v1/database/pool/drain',
        { body, patienceMs: body.timeout_ms, isArray: ['still_held'] },
      )
      session.out.result(answer, ({ is_drained: isDrained, still_held: held }) =>
        !isDrained
          ? 'Not drained: somebody resumed the pool meanwhile.'
          : held.length === 0
            ? 'Drained: every connection is closed, and callers wait.'
            : [`Draining: ${plural(held.length, 'connection')} still held.`, holdersTable(held)],
      )
      if (answer.is_drained) session.out.next(`holdfast pool resume${named(flags)}`)
      return answer.is_drained && answer.still_held.length === 0 ? EXIT.ok : EXIT.locked
    },
  )

  runWith<PoolFlags>(
    withServer(pool.command('resume')).description('go on after a drain'),
    finish,
    async (session, flags) => {
      const server = await serverOf(flags)
      const answer = await askServer<object>(server, 'POST', '/v1/database/pool/resume', {
        body: { pool: flags.pool },
      })
      session.out.result(answer, () => 'The pool goes on.')
      session.out.next(`holdfast pool status${named(flags)}`)
    },
  )
}

function withServer(command: Command): Command {
  return command
    .option('--server <url>', 'the server to ask; default: the one that was started from this folder')
    .option('--pool <name>', 'which pool; default: the main one')
}

function serverOf({ server }: PoolFlags): Promise<RunningServer> {
  return findServer(server ?? true)
}

/** So that the hint is about the same pool. */
function named({ pool }: PoolFlags): string {
  return pool === undefined ? '' : ` --pool ${pool}`
}

function withPool(path: string, { pool }: PoolFlags): string {
  return pool === undefined ? path : `${path}?pool=${encodeURIComponent(pool)}`
}
