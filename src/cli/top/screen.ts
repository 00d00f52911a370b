import { withoutCommands } from '../../core/index.ts'
import { painted } from '../colours.ts'

const ENTER = '\u001B[?1049h\u001B[?25l'
const LEAVE = '\u001B[?25h\u001B[?1049l'
const HOME = '\u001B[H'
const TO_LINE_END = '\u001B[K'
const TO_SCREEN_END = '\u001B[J'
const CTRL_C = '\u0003'

/** A terminal that is drawn upon as a whole, and given back as it was. */
export class Screen {
  readonly #onKey: (key: string) => void
  readonly #onResize: () => void

  constructor(onKey: (key: string) => void, onResize: () => void) {
    // A terminal in raw mode sends no signal: the key is the signal.
    this.#onKey = (key) => onKey(key === CTRL_C ? 'q' : key)
    this.#onResize = onResize
    process.stdout.write(ENTER)
    process.stdout.on('resize', this.#onResize)
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(true)
      process.stdin.setEncoding('utf8')
      process.stdin.on('data', this.#onKey)
      process.stdin.resume()
    }
  }

  get size(): { columns: number; rows: number } {
    return { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 }
  }

  draw(lines: readonly string[]): void {
    process.stdout.write(
      `${HOME}${lines.map((line) => `${painted(line, withoutCommands)}${TO_LINE_END}`).join('\r\n')}${TO_SCREEN_END}`,
    )
  }

  close(): void {
    process.stdout.off('resize', this.#onResize)
    if (process.stdin.isTTY) {
      process.stdin.off('data', this.#onKey)
      process.stdin.setRawMode(false)
      process.stdin.pause()
    }
    process.stdout.write(LEAVE)
  }
}
