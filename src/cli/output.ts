import pc from 'picocolors'
import { type HoldfastError, isHoldfastError, messageOf } from '../core/index.ts'

/** Raised with any incompatible change of what `--json` prints. */
const JSON_VERSION = 1

/** Where a command's words go: data to stdout, everything said to people to stderr. */
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

  /** The command's result: one object with `--json`, else what `render` makes of it. */
  result<T extends object>(data: T, render: (data: T) => string, isJson = this.isJson): void {
    process.stdout.write(
      isJson ? `${JSON.stringify({ version: JSON_VERSION, ...data })}\n` : `${render(data)}\n`,
    )
  }

  /** Something to know while it runs, or what to do next. */
  say(text: string): void {
    process.stderr.write(`${text}\n`)
  }

  /** A command of ours is said as it can be run: npm's own programs are on nobody's path. */
  next(command: string): void {
    const npx = process.env.npm_execpath !== undefined && command.startsWith('holdfast ') ? 'npx ' : ''
    if (!this.isJson) this.say(pc.dim(`Next: ${npx}${command}`))
  }

  /** The failure as an object on stdout. */
  failureAsData(error: unknown): void {
    const shown = isHoldfastError(error)
      ? error.toJSON()
      : { code: null, message: messageOf(error), retryable: false, details: {} }
    process.stdout.write(`${JSON.stringify({ version: JSON_VERSION, error: shown })}\n`)
  }

  /** What failed. A stack trace only when it was asked for, or for what Holdfast itself did not expect. */
  failure(error: unknown): void {
    const known: HoldfastError | undefined = isHoldfastError(error) ? error : undefined
    if (this.isJson) this.failureAsData(error)
    this.say(
      `${pc.red('error')} ${known ? `${known.message} ${pc.dim(`[${known.code}]`)}` : messageOf(error)}`,
    )
    if (this.#showsStacks && error instanceof Error) this.say(pc.dim(String(error.stack)))
    else if (!known) this.say(pc.dim('Run it again with --stack for the trace.'))
  }
}

/** Columns aligned by their longest cell; numbers to the right. */
export function table(
  head: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
): string {
  const cells = rows.map((row) => row.map((cell) => (cell === null ? '' : String(cell))))
  const widths = head.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)),
  )
  const isNumeric = head.map(
    (_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        isNumeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd()
  return [pc.dim(line(head)), ...cells.map(line)].join('\n')
}
