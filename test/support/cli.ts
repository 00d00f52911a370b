import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const BIN = fileURLToPath(new URL('../../src/cli/bin.ts', import.meta.url))

export interface CliRun {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** Another entry than the command line: the demo. */
  readonly script?: string
  readonly uid?: number
  readonly gid?: number
  /** Started in a hook, for several tests: the hook ends it. */
  readonly isShared?: boolean
}

/** A command that runs until it is told to stop. */
export class RunningCli {
  readonly child: ChildProcess
  readonly ended: Promise<CliRun>
  #stdout = ''
  #stderr = ''
  readonly #watchers = new Set<() => void>()

  constructor(args: readonly string[], options: CliOptions) {
    this.child = spawn(process.execPath, [options.script ?? BIN, ...args], {
      cwd: options.cwd,
      // Nothing of the machine's own environment decides what a test sees.
      env: {
        PATH: process.env.PATH ?? '',
        HOME: options.cwd,
        HOLDFAST_ADMIN_PORT: '0',
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? '',
        ...options.env,
      },
      ...(options.uid !== undefined && { uid: options.uid }),
      ...(options.gid !== undefined && { gid: options.gid }),
    })
    // Whatever becomes of the test, nothing it started goes on. Within a hook there is no test to end.
    if (options.isShared !== true) onTestFinished(() => void this.child.kill('SIGKILL'))
    this.child.stdin?.end(options.input ?? '')
    this.child.stdout?.on('data', (chunk) => this.#take('stdout', String(chunk)))
    this.child.stderr?.on('data', (chunk) => this.#take('stderr', String(chunk)))
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (code) => {
        for (const watcher of this.#watchers) watcher()
        resolve({ code, stdout: this.#stdout, stderr: this.#stderr })
      })
    })
  }

  get output(): string {
    return `${this.#stdout}\n${this.#stderr}`
  }

  /** Resolves with the match as soon as the output holds it; rejects when the command ends without. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.output)
        if (match) {
          this.#watchers.delete(look)
          resolve(match)
        } else if (this.child.exitCode !== null || this.child.signalCode !== null) {
          this.#watchers.delete(look)
          reject(new Error(`it ended without ${pattern}:\n${this.output}`))
        }
      }
      this.#watchers.add(look)
      look()
    })
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<CliRun> {
    this.child.kill(signal)
    return this.ended
  }

  #take(stream: 'stdout' | 'stderr', text: string): void {
    if (stream === 'stdout') this.#stdout += text
    else this.#stderr += text
    for (const watcher of this.#watchers) watcher()
  }
}

export function runCli(args: readonly string[], options: CliOptions): Promise<CliRun> {
  return new RunningCli(args, options).ended
}
