import type { Command } from 'commander'
import { formatDuration, inOneLine, plural } from '../../core/index.ts'
import {
  linesOf,
  type LockLine,
  readLockTree,
  readSessions,
  sessionAsJson,
  type SessionPicture,
  type SessionSignal,
  signalSession,
} from '../../monitor/index.ts'
import { type Finish, runWith } from '../command.ts'
import { confirmPlan } from '../confirm.ts'
import { usage } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { lookWith } from '../looking.ts'
import { type Lines, table } from '../output.ts'
import { colours } from '../colours.ts'

const MOST = 500
const LONGEST_TEXT = 80

/** Who is connected, who waits for whom, and ending what they run. */
export function addActivity(program: Command, finish: Finish): void {
  const activity = program
    .command('activity')
    .description('sessions of the database, who waits for whom, and ending what they run')
    .addHelpText(
      'before',
      `Examples:
  holdfast activity list            sessions, those first that have been in a transaction for longest
  holdfast activity locks           who waits for whom, with those at the roots who hold it
  holdfast activity cancel 4711     end the statement of a session, not the session
`,
    )
  addList(activity, finish)
  addLocks(activity, finish)
  addSignal(activity, finish, 'cancel', 'end the statement that a session runs; the session stays')
  addSignal(activity, finish, 'terminate', 'end a session, which undoes its transaction')
}

function addList(activity: Command, finish: Finish): void {
  runWith(
    activity.command('list').description('sessions of this database, with what each is at'),
    finish,
    async (session) => {
      const { reader, holdfast } = await lookWith(session)
      const sessions = await readSessions(reader, MOST)
      session.out.result({ database: holdfast.address, sessions: sessions.map(sessionAsJson) }, () =>
        sessions.length === 0 ? 'Nobody else is connected.' : listInWords(sessions),
      )
    },
  )
}

function listInWords(sessions: readonly SessionPicture[]): Lines {
  return table(
    ['pid', 'who', 'state', 'for', 'transaction', 'waits for', 'statement'],
    sessions.map((one) => [
      one.pid,
      whoOf(one),
      one.state,
      lengthOf(one.stateSeconds),
      lengthOf(one.transactionSeconds),
      one.waitsFor,
      inOneLine(one.statement ?? '', LONGEST_TEXT),
    ]),
  )
}

function addLocks(activity: Command, finish: Finish): void {
  runWith(
    activity.command('locks').description('who waits for whom; exit 3 when somebody does'),
    finish,
    async (session) => {
      const { reader, holdfast } = await lookWith(session)
      const lines = linesOf(await readLockTree(reader))
      const locks = lines.map(({ session: one, count, ...line }) => ({
        ...line,
        session: one && sessionAsJson(one),
        waiting: count,
      }))
      session.out.result({ database: holdfast.address, locks }, () =>
        lines.length === 0 ? 'Nobody waits for a lock.' : lines.map((line) => inWords(line)),
      )
      const root = lines[0]?.session
      if (root) {
        const idles = root.state.startsWith('idle')
        session.out.next(`holdfast activity ${idles ? 'terminate' : 'cancel'} ${root.pid}`)
      }
      return lines.length === 0 ? EXIT.ok : EXIT.findings
    },
  )
}

function inWords({ session, wants, depth, count }: LockLine): Lines {
  const who = session ? `${session.pid} ${whoOf(session)}` : 'a prepared transaction'
  const indent = depth === 0 ? '' : `${'   '.repeat(depth - 1)}└─ `
  const waits = wants
    ? `waits ${formatDuration(wants.seconds * 1_000)} for ${wants.mode} on ${wants.on}`
    : colours.yellow(`holds what ${plural(count, 'session')} ${count === 1 ? 'wants' : 'want'}`)
  const state = session ? `, ${session.state}` : ''
  const text = session ? inOneLine(session.statement ?? '', LONGEST_TEXT) : ''
  return [
    `${indent}${colours.bold(who)}${state}: ${waits}`,
    ...(text === '' ? [] : [colours.dim(`${' '.repeat(indent.length + 2)}${text}`)]),
  ]
}

function addSignal(activity: Command, finish: Finish, signal: SessionSignal, description: string): void {
  runWith<{ yes?: boolean }>(
    activity
      .command(signal)
      .description(description)
      .argument('<pid>', 'of the session: holdfast activity list')
      .option('--yes', 'do it without asking'),
    finish,
    async (session, { yes }, [pid = '']) => {
      if (!/^[1-9]\d{0,9}$/.test(pid)) throw usage(`"${pid}" is no pid: a whole number`)
      const { holdfast, reader } = await lookWith(session)
      const seen = (await readSessions(reader, 5_000)).find((one) => one.pid === Number(pid))
      const shown = seen
        ? `${signal} ${pid} (${whoOf(seen)}): ${inOneLine(seen.statement ?? '', LONGEST_TEXT)}`
        : `${signal} ${pid}`
      if (signal === 'cancel' && seen?.state.startsWith('idle')) {
        session.out.say(
          `Nothing runs in ${pid} that could be cancelled (${seen.state}); what it holds stays.`,
        )
        session.out.next(`holdfast activity terminate ${pid}`)
        return EXIT.failure
      }
      if (signal === 'terminate' && yes !== true) await confirmPlan(session, shown)
      const target = { pid: Number(pid), startedAt: seen?.startedAt ?? undefined }
      await signalSession(holdfast.ownQueries, signal, target, holdfast.recorder)
      session.out.result({ database: holdfast.address, pid: Number(pid), signal }, () =>
        signal === 'cancel' ? `What ${pid} ran is cancelled.` : `Session ${pid} is ended.`,
      )
      session.out.next('holdfast activity locks')
      return EXIT.ok
    },
  )
}

const whoOf = ({ user, application }: SessionPicture): string =>
  application === '' ? user : `${user}/${application}`

const lengthOf = (seconds: number | null): string =>
  seconds === null ? '' : formatDuration(Math.max(0, seconds) * 1_000)
