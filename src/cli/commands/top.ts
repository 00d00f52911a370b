import { type Command, Option } from 'commander'
import { messageOf, systemClock, wait } from '../../core/index.ts'
import { sessionAsJson, STATEMENT_ORDERS, type StatementOrder } from '../../monitor/index.ts'
import { type Finish, runWith } from '../command.ts'
import { usage } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { lookWith } from '../looking.ts'
import type { Session } from '../session.ts'
import { TopCamera, type TopPicture } from '../top/picture.ts'
import { cut, renderTop, type TopView } from '../top/render.ts'
import { Screen } from '../top/screen.ts'

interface TopFlags {
  by: StatementOrder
  interval: string
  once?: boolean
}

/** What goes on, live. */
export function addTop(program: Command, finish: Finish): void {
  runWith<TopFlags>(
    program
      .command('top')
      .description('what goes on in the database, live: load, sessions, locks, statements')
      .addOption(new Option('--by <figure>', 'order of statements').choices(STATEMENT_ORDERS).default('time'))
      .option('--interval <seconds>', 'between two pictures', '2')
      .option('--once', 'one picture, of one interval; so it is where stdout is no terminal'),
    finish,
    async (session, flags) => {
      if (!/^\d{1,3}(\.\d)?$/.test(flags.interval) || Number(flags.interval) < 0.5)
        throw usage('--interval: seconds from 0.5 to 999')
      const { reader, holdfast } = await lookWith(session)
      const camera = new TopCamera(reader)
      const intervalMs = Number(flags.interval) * 1_000
      if (flags.once || session.out.isJson || process.stdout.isTTY !== true) {
        await camera.take(flags.by)
        await wait(systemClock, intervalMs)
        tell(session, holdfast.address, await camera.take(flags.by), flags.by)
        return EXIT.ok
      }
      await live(session, holdfast.address, camera, flags.by, intervalMs)
      return EXIT.ok
    },
  )
}

function tell(session: Session, database: string, picture: TopPicture, order: StatementOrder): void {
  const { at, seconds, values, sessions, blockedBy, statements } = picture
  const data = {
    database,
    at: at.toISOString(),
    seconds,
    values,
    sessions: sessions.map((one) => ({ ...sessionAsJson(one), blocked_by: blockedBy.get(one.pid) ?? null })),
    statements,
  }
  session.out.result(data, () => {
    const view = { order, isPaused: false, columns: 160, rows: 0 }
    const lines = (list: TopView['list'], rows: number): string[] =>
      renderTop(database, picture, { ...view, list, rows })
    const head = 5
    const sessionLines = lines('sessions', 40).slice(head, -1)
    return [...lines('statements', 30).slice(0, -1), '', ...sessionLines].filter(isWorthIt)
  })
}

/** Not two empty lines in a row. */
const isWorthIt = (line: string, index: number, all: readonly string[]): boolean =>
  line !== '' || (all[index - 1] ?? '') !== ''

/** Until somebody has seen enough. A database that does not answer is waited for. */
async function live(
  session: Session,
  address: string,
  camera: TopCamera,
  by: StatementOrder,
  intervalMs: number,
): Promise<void> {
  const ending = new AbortController()
  const enough = (): void => ending.abort(new Error('seen enough'))
  void session.untilStopped().then(enough)
  let view = { list: 'statements', order: by, isPaused: false } as Pick<
    TopView,
    'list' | 'order' | 'isPaused'
  >
  let picture: TopPicture | undefined
  let problem: string | undefined
  const draw = (): void => {
    const lines = picture
      ? renderTop(address, picture, { ...view, ...screen.size })
      : [`${address}: looking...`]
    if (problem !== undefined) lines[1] = cut(`It does not answer: ${problem}`, screen.size.columns)
    screen.draw(lines)
  }
  const screen = new Screen((key) => {
    if (key === 'q') return enough()
    view = afterKey(key, view)
    draw()
  }, draw)
  session.own('screen', () => screen.close())
  draw()
  while (!ending.signal.aborted) {
    if (!view.isPaused)
      try {
        picture = await camera.take(view.order)
        problem = undefined
      } catch (error) {
        problem = messageOf(error)
      }
    if (ending.signal.aborted) return
    draw()
    // Between the first two there is nothing to see yet.
    const pauseMs = picture?.seconds === 0 ? Math.min(500, intervalMs) : intervalMs
    await wait(systemClock, pauseMs, ending.signal).catch(() => {}) // it ends
  }
}

function afterKey(key: string, view: Pick<TopView, 'list' | 'order' | 'isPaused'>): typeof view {
  switch (key) {
    case 's': {
      const next = (STATEMENT_ORDERS.indexOf(view.order) + 1) % STATEMENT_ORDERS.length
      return { ...view, order: STATEMENT_ORDERS[next] ?? 'time' }
    }
    case 'v':
      return { ...view, list: view.list === 'statements' ? 'sessions' : 'statements' }
    case ' ':
      return { ...view, isPaused: !view.isPaused }
    default:
      return view
  }
}
