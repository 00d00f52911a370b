import {
  escapedJson,
  type HoldfastError,
  inOneLine,
  isHoldfastError,
  messageOf,
  pasteable,
  withoutCommands,
} from '../core/index.ts'
import { colours, painted, widthOf } from './colours.ts'

/** Raised with any incompatible change of what `--json` prints. */
const JSON_VERSION = 1

/** Line breaks and tabs are ours to give; whatever else a terminal obeys came from outside. */
const withoutOthersCommands = (text: string): string =>
  text
    .split(/(\n|\t)/)
    .map((part) => (part === '\n' || part === '\t' ? part : withoutCommands(part)))
    .join('')

/**
 * The only door to the terminal: data to stdout, everything said to people to stderr. Names, statements, errors and answers of other
 * servers are others' text: what a terminal would obey in them is shown as a dot. JSON has its own escapes.
 */
export class Output {
  readonly isJson: boolean
  /** stderr is a terminal that understands more than plain lines. */
  readonly isInteractive: boolean
  readonly #showsStacks: boolean

  constructor(options: { json?: boolean; stack?: boolean }) {
    this.isJson = options.json ?? false
    this.#showsStacks = options.stack ?? false
    this.isInteractive =
      process.stderr.isTTY === true && process.env.TERM !== 'dumb' && process.env.CI === undefined
  }

  /** The command's result: one object with `--json`, else the lines that `render` makes of it, given it {@link pasteableIn}. */
  result<T extends object>(data: T, render: (data: T) => Lines, isJson = this.isJson): void {
    if (isJson) this.#writeJson(data)
    else this.document(`${flat(render(pasteableIn(data))).join('\n')}\n`)
  }

  /** A result that is a text of its own: a file's content, metrics. */
  document(text: string, stream: NodeJS.WritableStream = process.stdout): void {
    stream.write(painted(text, withoutOthersCommands))
  }

  /** Something to know while it runs, or what to do next. Further lines stand behind the first: no name begins one. */
  say(text: Lines): void {
    const shown = typeof text === 'string' ? indented(text) : flat(text).join('\n')
    process.stderr.write(`${painted(shown, withoutOthersCommands)}\n`)
  }

  /** A command of ours is said as it can be run: npm's own programs are on nobody's path. */
  next(command: string): void {
    const npx = process.env.npm_execpath !== undefined && command.startsWith('holdfast ') ? 'npx ' : ''
    if (!this.isJson) this.say(colours.dim(`Next: ${npx}${inOneLine(command)}`))
  }

  /** The failure as an object on stdout. */
  failureAsData(error: unknown): void {
    const shown = isHoldfastError(error)
      ? error.toJSON()
      : { code: null, message: messageOf(error), retryable: false, details: {} }
    this.#writeJson({ error: shown })
  }

  /** What failed. A stack trace only when it was asked for, or for what Holdfast itself did not expect. */
  failure(error: unknown): void {
    const known: HoldfastError | undefined = isHoldfastError(error) ? error : undefined
    if (this.isJson) this.failureAsData(error)
    const message = messageOf(error)
    this.say(`${colours.red('error')} ${known ? `${message} ${colours.dim(`[${known.code}]`)}` : message}`)
    if (this.#showsStacks && error instanceof Error) this.say(colours.dim(String(error.stack)))
    else if (!known) this.say(colours.dim('Run it again with --stack for the trace.'))
  }

  #writeJson(data: object): void {
    process.stdout.write(`${escapedJson(JSON.stringify({ version: JSON_VERSION, ...data }))}\n`)
  }
}

/** Each text in it is one line, whatever stands in it: a name cannot begin a line of its own. */
export type Lines = string | readonly Lines[]

/** Whole runs of blanks: looking for the break within them would take their square. */
const oneLine = (text: string): string =>
  text.replaceAll(/\s+/g, (blanks) => (/[\r\n]/.test(blanks) ? ' ' : blanks))

function flat(lines: Lines): string[] {
  return typeof lines === 'string' ? [oneLine(lines)] : lines.flatMap(flat)
}

/** A text that has several lines on purpose, as SQL and statements do. */
export const linesIn = (text: string): string[] => text.split(/\r?\n/)

/** Data for people: SQL has escapes for what stands in its names. For whoever says in words what is in JSON as it is. */
export function pasteableIn<T>(data: T, key = ''): T {
  if (typeof data === 'string') return (key === 'sql' || key === 'safe' ? pasteable(data) : data) as T
  if (Array.isArray(data)) return data.map((one) => pasteableIn(one, key)) as T
  if (data === null || typeof data !== 'object' || Object.getPrototypeOf(data) !== Object.prototype)
    return data
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => [name, pasteableIn(value, name)]),
  ) as T
}

/** A text of several lines as a part of one line: the further ones stand behind its beginning. */
export const indented = (text: string): string => text.replaceAll('\n', '\n  ')

/** Columns aligned by their longest cell; numbers to the right. A cell is one line. */
export function table(
  head: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
): string[] {
  const cells = rows.map((row) => row.map((cell) => (cell === null ? '' : oneLine(String(cell)))))
  const widths = head.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => widthOf(row[column] ?? ''))),
  )
  const isNumeric = head.map(
    (_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const space = ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell)))
        return isNumeric[column] ? space + cell : cell + space
      })
      .join('  ')
      .trimEnd()
  return [colours.dim(line(head)), ...cells.map(line)]
}
