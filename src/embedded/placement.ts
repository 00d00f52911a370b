import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  chownSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type Binaries, programPath, restoreLinks } from './binaries.ts'
import { folderUnavailable, noServerUser } from './errors.ts'

/** The operating system user that the server runs as. */
export interface ServerUser {
  readonly uid: number
  readonly gid: number
}

/** Where the parts of one embedded PostgreSQL lie, and as whom it runs. */
export interface Placement {
  /** Ours: state, lock, log. */
  readonly directory: string
  /** The server's: its data. */
  readonly dataDirectory: string
  readonly binaries: Binaries
  /** Undefined: the server runs as this process's own user. */
  readonly user: ServerUser | undefined
}

/** Where things go that the server's user must reach when the project's own folder is closed to it. */
const SHARED_HOME = '/var/lib/holdfast'

/**
 * Decides where data and binaries lie. As an ordinary user: in `directory` and in node_modules. As root the
 * server runs as an unprivileged user, which may be unable to enter the project (a clone in root's home
 * folder): what it cannot reach lies under `/var/lib/holdfast` instead.
 */
export function choosePlacement(directory: string, binaries: Binaries, userName: string): Placement {
  let home = resolve(directory)
  try {
    mkdirSync(home, { recursive: true })
    accessSync(home, constants.R_OK | constants.W_OK | constants.X_OK)
    // The kernel names a server's folder by its real path: so must we, to know it again.
    home = realpathSync(home)
  } catch (cause) {
    throw folderUnavailable(home, cause)
  }
  if (process.getuid?.() !== 0) {
    return {
      directory: home,
      dataDirectory: join(home, 'postgres'),
      binaries: withLinks(binaries),
      user: undefined,
    }
  }
  const user = serverUser(userName)
  let dataHome = home
  if (!canDo(user, 'cd "$1" && cd "$(dirname "$1")"', home)) {
    dataHome = outlyingData(home)
    mkdirSync(dataHome, { recursive: true, mode: 0o755 })
  }
  const dataDirectory = join(dataHome, 'postgres')
  return { directory: home, dataDirectory, binaries: reachableBinaries(user, withLinks(binaries)), user }
}

/** Where the data of a folder lies, by its real path, when the server's user cannot enter it. */
export function outlyingData(home: string): string {
  return join(SHARED_HOME, createHash('sha256').update(home).digest('hex').slice(0, 16))
}

/** Makes a folder that belongs to the server's user alone. */
export function makeServerFolder(path: string, user: ServerUser | undefined): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  if (user) chownSync(path, user.uid, user.gid)
}

/**
 * Spawn options of everything that runs as the server's user. The folder we stand in may be closed to it; and our environment may hold
 * secrets, which a superuser of the database could read there.
 */
export function asServerUser(user: ServerUser | undefined): {
  cwd: string
  env: Record<string, string>
  uid?: number
  gid?: number
} {
  const env = { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
  return { cwd: '/', env, ...(user && { uid: user.uid, gid: user.gid }) }
}

function withLinks(binaries: Binaries): Binaries {
  try {
    restoreLinks(binaries)
    return binaries
  } catch {
    // node_modules is read-only to us and its install script did not run: work from a copy of our own.
    return copyBinaries(binaries, process.getuid?.() === 0 ? SHARED_HOME : join(cacheHome(), 'holdfast'))
  }
}

function cacheHome(): string {
  return process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
}

function reachableBinaries(user: ServerUser, binaries: Binaries): Binaries {
  const canRun = canDo(
    user,
    'test -r "$2/share/postgresql/postgres.bki" && exec "$1" --version',
    programPath(binaries, 'postgres'),
    binaries.root,
  )
  return canRun ? binaries : copyBinaries(binaries, SHARED_HOME)
}

/** Copies aside and renames, so that a copy that was cut short is never mistaken for a whole one. */
function copyBinaries(binaries: Binaries, home: string): Binaries {
  const root = join(home, `postgresql-${binaries.release}`, 'native')
  if (!existsSync(root)) {
    mkdirSync(dirname(root), { recursive: true, mode: 0o755 })
    const unfinished = mkdtempSync(`${root}-`)
    cpSync(binaries.root, unfinished, { recursive: true, verbatimSymlinks: true })
    execFileSync('chmod', ['-R', 'u+rwX,go+rX', unfinished])
    try {
      renameSync(unfinished, root)
    } catch (error) {
      rmSync(unfinished, { recursive: true, force: true })
      if (!existsSync(root)) throw error // else another process finished the same copy first
    }
  }
  const copy = { ...binaries, root }
  restoreLinks(copy)
  return copy
}

function canDo(user: ServerUser, script: string, ...args: string[]): boolean {
  return (
    spawnSync('/bin/sh', ['-c', script, 'sh', ...args], { ...asServerUser(user), stdio: 'ignore' }).status ===
    0
  )
}

/** Finds the user, or makes it. A user of our own: an existing one may own other things worth protecting. */
function serverUser(name: string): ServerUser {
  const existing = lookUp(name)
  if (existing) return existing
  try {
    if (existsSync('/usr/sbin/useradd')) {
      execFileSync('/usr/sbin/useradd', [
        '--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent', '--shell', '/usr/sbin/nologin', name,
      ], { stdio: 'pipe' }) // prettier-ignore
    } else {
      execFileSync('adduser', ['-S', '-D', '-H', name], { stdio: 'pipe' })
    }
  } catch (cause) {
    // Two processes may make it at the same time; the second one fails and finds it made.
    const made = lookUp(name)
    if (made) return made
    throw noServerUser(name, cause)
  }
  const made = lookUp(name)
  if (!made) throw noServerUser(name, new Error('it was made but cannot be found'))
  return made
}

function lookUp(name: string): ServerUser | undefined {
  const answer = spawnSync('id', [name], { encoding: 'utf8' })
  const match = /^uid=(\d+)\S* gid=(\d+)/.exec(answer.stdout ?? '')
  return match ? { uid: Number(match[1]), gid: Number(match[2]) } : undefined
}
