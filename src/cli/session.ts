import { readFileSync } from 'node:fs'
import type { ConfigInput } from '../config.ts'
import { hasPassword, Lifecycle } from '../core/index.ts'
import { createHoldfast } from '../create-holdfast.ts'
import type { Holdfast } from '../holdfast.ts'
import { connectFailure } from '../pool/index.ts'
import { passwordInFlag, usage } from './errors.ts'
import { Output } from './output.ts'

/** Options that every command has. */
export interface GlobalOptions {
  readonly json?: boolean
  readonly stack?: boolean
  readonly input?: boolean
  readonly databaseUrl?: string
  readonly databaseUrlFile?: string
}

/** One run of one command: where its words go, what it opened. */
export class Session {
  readonly out: Output
  readonly options: GlobalOptions
  readonly #lifecycle = new Lifecycle()
  #stopServing: ((signal: NodeJS.Signals) => void) | undefined

  constructor(options: GlobalOptions) {
    this.options = options
    this.out = new Output(options)
  }

  /** May this command ask the person at the terminal? */
  get mayAsk(): boolean {
    return (
      this.options.input !== false &&
      !this.out.isJson &&
      process.stdin.isTTY === true &&
      this.out.isInteractive
    )
  }

  /** What the flags say about the configuration. */
  configInput(): ConfigInput {
    const url = this.#urlFromFlags()
    // The way around a pooler that the environment names belongs to the database that it names.
    return url === undefined ? {} : { database: { url, directUrl: url } }
  }

  /** Assembles Holdfast for this command; closed when the command ends, however it ends. */
  async open(input: ConfigInput = this.configInput()): Promise<Holdfast> {
    const opening = createHoldfast(input, { onNotice: (text) => this.out.say(text) })
    // Owned from the first moment: what is interrupted while it starts is closed as soon as it has.
    this.#lifecycle.own('holdfast', () =>
      opening.then(
        (holdfast) => holdfast.close(),
        () => {}, // it never came to be; whoever awaits it below is told
      ),
    )
    return opening
  }

  /**
   * The same, having seen that the database answers.
   * @throws HF_CONNECT_*
   */
  async connect(input: ConfigInput = this.configInput()): Promise<Holdfast> {
    const holdfast = await this.open(input)
    const health = await holdfast.pool.health(10_000)
    if (!health.ok) throw connectFailure(health.error, holdfast.url)
    return holdfast
  }

  /** Resolves when the process is asked to stop: for what serves until then. */
  untilStopped(): Promise<NodeJS.Signals> {
    return new Promise((resolve) => {
      this.#stopServing = resolve
    })
  }

  /** Tells what serves to stop; false when nothing serves yet. */
  stopServing(signal: NodeJS.Signals): boolean {
    this.#stopServing?.(signal)
    return this.#stopServing !== undefined
  }

  own(name: string, close: () => unknown): void {
    this.#lifecycle.own(name, close)
  }

  close(): Promise<void> {
    return this.#lifecycle.close()
  }

  #urlFromFlags(): string | undefined {
    const { databaseUrl, databaseUrlFile } = this.options
    if (databaseUrl !== undefined) {
      // Secrets never on the command line. What cannot be read is for the option's own check.
      if (hasPassword(databaseUrl)) throw passwordInFlag()
      return databaseUrl
    }
    return this.readUrlFile(databaseUrlFile, '--database-url-file')
  }

  /** The URL in a file, `-` for stdin: with a password it may stand nowhere else. @throws HF_CLI_USAGE */
  readUrlFile(path: string | undefined, flag: string): string | undefined {
    if (path === undefined) return undefined
    try {
      return readFileSync(path === '-' ? 0 : path, 'utf8').trim()
    } catch (error) {
      throw usage(`${flag}: ${(error as Error).message}`)
    }
  }
}
