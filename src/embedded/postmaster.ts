import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { systemClock, wait, within } from '../core/index.ts'
import { programPath } from './binaries.ts'
import { startFailed } from './errors.ts'
import { livePostmaster, readText } from './ownership.ts'
import { asServerUser, type Placement } from './placement.ts'

/** How one server process is started. */
export interface PostmasterSpec {
  readonly placement: Placement
  readonly port: number
  readonly logFile: string
  /** Server settings by name. */
  readonly settings: Readonly<Record<string, string>>
  /** Removed by the watcher after it had to stop the server: for throwaway servers. */
  readonly removeAfterwards?: string | undefined
}

const START_DEADLINE_MS = 60_000
const POLL_MS = 15
const FAST_SHUTDOWN_MS = 10_000
const IMMEDIATE_SHUTDOWN_MS = 5_000

/**
 * Stops the server when its owner is gone. It reads from a pipe that only the owner holds open: when the
 * owner dies, however it dies, the read ends. It asks for a fast shutdown, then after 10 s for an immediate
 * one. `postmaster.pid` is compared first, so that a reused pid is never signalled.
 */
const WATCHER = `
read -r _
serves() { [ "$(head -n 1 "$2/postmaster.pid" 2>/dev/null)" = "$1" ] && kill -0 "$1" 2>/dev/null; }
if serves "$1" "$2"; then
  kill -INT "$1"
  n=0
  while serves "$1" "$2" && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
  serves "$1" "$2" && kill -QUIT "$1"
fi
[ -n "$3" ] && rm -rf "$3"
exit 0
`

/** A running PostgreSQL server process, and the watcher that ends it should this process die. */
export class Postmaster {
  readonly pid: number
  /** Settles when the server process has ended, whoever ended it. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  readonly #watcher: ChildProcess
  #hasExited = false

  private constructor(child: ChildProcess, exited: Postmaster['exited'], spec: PostmasterSpec) {
    this.pid = child.pid as number
    this.exited = exited
    this.#watcher = startWatcher(this.pid, spec)
    void exited.then(() => {
      this.#hasExited = true
      this.#watcher.kill('SIGKILL')
    })
  }

  /**
   * Starts a server and waits until it accepts connections.
   * @throws HF_EMBEDDED_START_FAILED with the last line of its log.
   */
  static async start(spec: PostmasterSpec): Promise<Postmaster> {
    const child = spawnServer(spec)
    let spawnError: Error | undefined
    child.on('error', (error) => (spawnError = error))
    const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }))
      child.once('error', () => resolve({ code: null, signal: null }))
    })
    if (child.pid === undefined) {
      await exited
      throw startFailed(spawnError?.message ?? 'it could not be executed', spec.logFile, spawnError)
    }
    const postmaster = new Postmaster(child, exited, spec)
    await postmaster.#becomeReady(spec)
    return postmaster
  }

  /** Fast shutdown: open transactions are rolled back. After 10 s immediate, after 5 more killed. */
  async stop(): Promise<void> {
    for (const [signal, deadlineMs] of [
      ['SIGINT', FAST_SHUTDOWN_MS],
      ['SIGQUIT', IMMEDIATE_SHUTDOWN_MS],
      ['SIGKILL', IMMEDIATE_SHUTDOWN_MS],
    ] as const) {
      if (this.#hasExited) return
      process.kill(this.pid, signal)
      if (await settlesWithin(this.exited, deadlineMs)) return
    }
  }

  async #becomeReady(spec: PostmasterSpec): Promise<void> {
    const deadline = systemClock.monotonicMs() + START_DEADLINE_MS
    while (!this.#hasExited && systemClock.monotonicMs() < deadline) {
      if (isReady(spec.placement.dataDirectory, this.pid)) return
      await Promise.race([wait(systemClock, POLL_MS), this.exited])
    }
    const hung = !this.#hasExited
    await this.stop()
    throw startFailed(
      hung ? `not ready after ${START_DEADLINE_MS / 1000} s` : lastWords(spec.logFile),
      spec.logFile,
    )
  }
}

/** Stops a server that an owner left behind, and waits until it is gone. */
export async function stopLeftover(dataDirectory: string): Promise<void> {
  const pid = livePostmaster(dataDirectory)
  if (pid === undefined) return
  const started = systemClock.monotonicMs()
  const steps = [
    { signal: 'SIGINT', afterMs: 0 },
    { signal: 'SIGQUIT', afterMs: FAST_SHUTDOWN_MS },
    { signal: 'SIGKILL', afterMs: FAST_SHUTDOWN_MS + IMMEDIATE_SHUTDOWN_MS },
  ] as const
  let sent = 0
  while (livePostmaster(dataDirectory) === pid) {
    const step = steps[sent]
    if (step && systemClock.monotonicMs() - started >= step.afterMs) {
      process.kill(pid, step.signal)
      sent += 1
    }
    await wait(systemClock, POLL_MS)
  }
}

/** True when nothing listens on the port of 127.0.0.1. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)))
  })
}

/** A port of 127.0.0.1 that was free a moment ago. */
export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen({ port: 0, host: '127.0.0.1' }, () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}

function spawnServer(spec: PostmasterSpec): ChildProcess {
  const { placement, port, logFile } = spec
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    ...spec.settings,
  }
  const log = openSync(logFile, 'a', 0o600)
  try {
    return spawn(
      programPath(placement.binaries, 'postgres'),
      [
        '-D',
        placement.dataDirectory,
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      // A session of its own: Ctrl-C in the terminal reaches us, and we stop the server in good order.
      {
        ...asServerUser(placement.user),
        detached: true,
        stdio: ['ignore', log, log],
      },
    )
  } finally {
    closeSync(log)
  }
}

function startWatcher(pid: number, spec: PostmasterSpec): ChildProcess {
  const { placement, removeAfterwards = '' } = spec
  const watcher = spawn(
    '/bin/sh',
    ['-c', WATCHER, 'holdfast-watcher', String(pid), placement.dataDirectory, removeAfterwards],
    {
      ...asServerUser(placement.user),
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  )
  watcher.on('error', () => {}) // no shell here: the next start cleans up instead
  watcher.stdin?.on('error', () => {}) // the pipe ends when the watcher is told to go
  ;(watcher.stdin as unknown as { unref?: () => void } | null)?.unref?.()
  watcher.unref()
  return watcher
}

/** The eighth line of postmaster.pid is the server's state (miscadmin.h, LOCK_FILE_LINE_PM_STATUS). */
function isReady(dataDirectory: string, pid: number): boolean {
  const lines = readText(join(dataDirectory, 'postmaster.pid'))?.split('\n')
  return lines?.[0] === String(pid) && lines[7]?.trim() === 'ready'
}

function lastWords(logFile: string): string {
  const lines = readText(logFile)?.trim().split('\n') ?? []
  const fatal = lines.findLast((line) => /FATAL|PANIC|error while loading/.test(line))
  return fatal ?? lines.at(-1) ?? 'it ended without a word'
}

async function settlesWithin(promise: Promise<unknown>, deadlineMs: number): Promise<boolean> {
  return within(systemClock, deadlineMs, promise, () => new Error('late')).then(
    () => true,
    () => false,
  )
}
