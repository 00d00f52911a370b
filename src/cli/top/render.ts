import { formatBytes, formatDuration, inOneLine, shortened, withoutCommands } from '../../core/index.ts'
import type { StatementOrder, StatementTotals } from '../../monitor/index.ts'
import { colours } from '../colours.ts'
import type { TopPicture } from './picture.ts'

/** What is shown of a picture. */
export interface TopView {
  readonly list: 'statements' | 'sessions'
  readonly order: StatementOrder
  readonly isPaused: boolean
  readonly columns: number
  readonly rows: number
}

const MISSING = '-'

/** A picture as lines of at most `columns` characters, colours not counted. */
export function renderTop(address: string, picture: TopPicture, view: TopView): string[] {
  const head = headOf(address, picture, view)
  const room = Math.max(1, view.rows - head.length - 1)
  const list = (view.list === 'statements' ? statementsOf : sessionsOf)(picture, view).slice(0, room)
  const keys = 'q quits  s sorts  v shows sessions or statements  space pauses'
  return [
    ...head,
    ...list,
    ...Array(Math.max(0, room - list.length)).fill(''),
    colours.dim(cut(keys, view.columns)),
  ]
}

function headOf(address: string, { at, values, seconds }: TopPicture, view: TopView): string[] {
  const number = (value: number | null | undefined, unit = ''): string =>
    value == null ? MISSING : `${value >= 100 ? Math.round(value) : Math.round(value * 10) / 10}${unit}`
  const length = (value: number | null | undefined): string =>
    value == null ? MISSING : formatDuration(value * 1_000)
  const state = view.isPaused
    ? 'paused'
    : seconds === 0
      ? 'the first figures come'
      : `of ${seconds.toFixed(1)} s`
  const { columns } = view
  return [
    colours.bold(cut(`${at.toISOString().slice(11, 19)} UTC  ${state}  ${address}`, columns)),
    cut(
      `connections ${number(values.connections_used)} (${number(values.connections_used_percent, ' %')} of the server)  active ${number(values.connections_active)}  idle ${number(values.connections_idle)}  idle in transaction ${number(values.connections_idle_in_transaction)}`,
      columns,
    ),
    cut(
      `transactions ${number(values.transactions_per_second, '/s')}  rolled back ${number(values.rollbacks_per_second, '/s')}  rows ${number(values.rows_per_second, '/s')}  in memory ${number(values.cache_hit_percent, ' %')}  log ${values.wal_bytes_per_second == null ? MISSING : `${formatBytes(values.wal_bytes_per_second)}/s`}`,
      columns,
    ),
    cut(
      `blocked ${number(values.statements_blocked)}  longest wait ${length(values.longest_lock_wait_seconds)}  longest transaction ${length(values.longest_transaction_seconds)}  replica behind ${length(values.replication_lag_seconds)}`,
      columns,
    ),
    '',
  ]
}

function statementsOf({ statements, seconds }: TopPicture, { order, columns }: TopView): string[] {
  if (statements === null)
    return [
      cut('Statements cannot be told: pg_stat_statements is not there. See: holdfast query top', columns),
    ]
  const [name, figure] = SORTED_BY[order] ?? LOAD
  const head = row(columns, ['calls/s', 'mean', name], ['rows', 'read/s', 'id'], `statements by ${order}`)
  return [
    colours.dim(head),
    ...statements.map((one) =>
      row(
        columns,
        [
          (one.calls / seconds).toFixed(1),
          formatDuration(one.totalMs / Math.max(1, one.calls)),
          figure(one, seconds),
        ],
        [
          (one.rows / Math.max(1, one.calls)).toFixed(1),
          formatBytes((one.blocksRead * 8_192) / seconds),
          (one.id ?? 'others').padStart(LONGEST_ID),
        ],
        one.text,
      ),
    ),
  ]
}

type Figure = readonly [name: string, (one: StatementTotals, seconds: number) => string]

/** Seconds of work within a second. */
const LOAD: Figure = ['load', ({ totalMs }, seconds) => (totalMs / 1_000 / seconds).toFixed(2)]
/** In its place where the order goes by something that has no column. */
const SORTED_BY: Readonly<Partial<Record<StatementOrder, Figure>>> = {
  rows: ['rows/s', ({ rows }, seconds) => (rows / seconds).toFixed(1)],
  reads: ['read/s', ({ blocksRead }, seconds) => formatBytes((blocksRead * 8_192) / seconds)],
  temp: ['temp/s', ({ tempBlocks }, seconds) => formatBytes((tempBlocks * 8_192) / seconds)],
  wal: ['log/s', ({ walBytes }, seconds) => formatBytes(walBytes / seconds)],
  io: ['io', ({ ioMs }, seconds) => (ioMs / 1_000 / seconds).toFixed(2)],
}

function sessionsOf({ sessions, blockedBy }: TopPicture, { columns }: TopView): string[] {
  const busy = sessions.filter(({ state }) => state !== 'idle')
  if (busy.length === 0) return ['Nobody is at anything.']
  return [
    colours.dim(row(columns, ['pid', 'for', 'behind'], ['waits', 'state', 'who'], 'sessions')),
    ...busy.map((one) => {
      const behind = blockedBy.get(one.pid)
      const seconds = one.transactionSeconds ?? one.stateSeconds
      const text = row(
        columns,
        [
          String(one.pid),
          seconds === null ? '' : formatDuration(Math.max(0, seconds) * 1_000),
          behind === undefined ? '' : String(behind ?? '?'),
        ],
        [one.waitsFor ?? '', one.state, one.application === '' ? one.user : one.application],
        one.statement ?? '',
      )
      return blockedBy.has(one.pid) ? colours.yellow(text) : text
    }),
  ]
}

/** From there on there is room for all figures beside the statement. */
const WIDE = 120
const LONGEST_ID = 20
const WIDTH = 9

/** @param more what a wide terminal has room for, too */
function row(columns: number, few: readonly string[], more: readonly string[], text: string): string {
  const cells = columns < WIDE ? few : [...few, ...more]
  const fields = cells.map((cell) =>
    cell.length > LONGEST_ID ? cut(cell, LONGEST_ID) : cell.padStart(WIDTH),
  )
  return cut(`${fields.join(' ')}  ${inOneLine(text)}`, columns)
}

/** As much as there is room for. */
export const cut = (text: string, most: number): string => shortened(withoutCommands(text), most)
