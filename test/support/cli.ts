/**
 * Commands of the command line. {@link runCli} runs one within this process, which saves the half second that a
 * process takes to start; {@link RunningCli} and {@link spawnCli} run one as a program, for what is about the
 * process: signals, stdin, colours, the embedded server, another user.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { main } from '../../src/cli/main.ts'

const BIN = fileURLToPath(new URL('../../src/cli/bin.ts', import.meta.url))

export interface CliRun {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
}

export interface ProgramOptions extends CliOptions {
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

  constructor(args: readonly string[], options: ProgramOptions) {
    this.child = spawn(process.execPath, [options.script ?? BIN, ...args], {
      cwd: options.cwd,
      env: environmentOf(options),
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

/** Runs a command as a program of its own. */
export function spawnCli(args: readonly string[], options: ProgramOptions): Promise<CliRun> {
  return new RunningCli(args, options).ended
}

const LONGEST_RUN_MS = 120_000
let running: Promise<unknown> = Promise.resolve()

/**
 * Runs a command within this process: the same entry, the same exit code and output as the program's. One at a
 * time, as they share the environment and the folder: a command that waits for another is a program
 * ({@link spawnCli}).
 */
export function runCli(args: readonly string[], options: CliOptions): Promise<CliRun> {
  const run = afterTheOneBefore().then(() => runHere(args, options))
  running = run.catch(() => {})
  return run
}

/** One that hangs fails what comes after it at once, rather than each in turn at its limit. */
async function afterTheOneBefore(): Promise<void> {
  const giveUp = new AbortController()
  const isFree = await Promise.race([
    running.then(() => true),
    setTimeout(LONGEST_RUN_MS, false, { signal: giveUp.signal, ref: false }),
  ])
  giveUp.abort()
  if (!isFree) throw new Error('an earlier command still runs within this process')
}

async function runHere(args: readonly string[], options: CliOptions): Promise<CliRun> {
  const before = { cwd: process.cwd(), env: { ...process.env }, exitCode: process.exitCode }
  const forget = [
    forgetListeners(process, 'SIGINT'),
    forgetListeners(process, 'SIGTERM'),
    forgetListeners(process.stdout, 'error'),
  ]
  const stdout = capture(process.stdout)
  const stderr = capture(process.stderr)
  try {
    process.chdir(options.cwd)
    replaceEnvironment(environmentOf(options))
    await main([process.execPath, BIN, ...args])
    return { code: Number(process.exitCode), stdout: stdout.text(), stderr: stderr.text() }
  } finally {
    stdout.end()
    stderr.end()
    for (const end of forget) end()
    replaceEnvironment(before.env)
    process.chdir(before.cwd)
    process.exitCode = before.exitCode
  }
}

/** Nothing of the machine's own environment decides what a test sees. */
function environmentOf({ cwd, env }: CliOptions): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    HOME: cwd,
    HOLDFAST_ADMIN_PORT: '0',
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? '',
    ...env,
  }
}

function replaceEnvironment(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name]
  Object.assign(process.env, env)
}

/** Takes what is written to a stream, until it is ended. */
function capture(stream: NodeJS.WriteStream): { text(): string; end(): void } {
  const { write } = stream
  let text = ''
  stream.write = (chunk: unknown, encoding?: unknown, done?: unknown): boolean => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk as Uint8Array).toString('utf8')
    const callback = typeof encoding === 'function' ? encoding : done
    if (typeof callback === 'function') queueMicrotask(callback as () => void)
    return true
  }
  return { text: () => text, end: () => void (stream.write = write) }
}

/** Removes, when it is called, the listeners that were added since. */
function forgetListeners(emitter: NodeJS.EventEmitter, event: string): () => void {
  const before = new Set(emitter.rawListeners(event))
  return () => {
    for (const listener of emitter.rawListeners(event))
      if (!before.has(listener)) emitter.off(event, listener as () => void)
  }
}
