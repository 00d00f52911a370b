import { execFileSync } from 'node:child_process'
import { linkSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dataInUse, folderUnavailable } from './errors.ts'

/** Who runs the embedded server of a folder. */
interface Owner {
  readonly pid: number
  /** When that process began, in the system's own words: tells a reused pid from the real owner. */
  readonly since: string
}

const lockPath = (directory: string): string => join(directory, 'embedded.lock')

/**
 * Claims the folder for this process. A lock whose owner is gone is stale and taken over.
 *
 * The lock appears whole or not at all (a finished file is linked into place), and a stale one is renamed
 * away before it is judged again, so that of several processes that find it stale one wins. PostgreSQL's own
 * `postmaster.pid` stands behind this as the last guard of the data.
 *
 * @returns gives the folder back.
 * @throws HF_EMBEDDED_DATA_IN_USE
 */
export function claim(directory: string): () => void {
  const lock = lockPath(directory)
  const mine = JSON.stringify({ pid: process.pid, since: processStart(process.pid) ?? '' } satisfies Owner)
  const draft = `${lock}.${process.pid}`
  writeFileSync(draft, mine, { mode: 0o600 })
  try {
    for (;;) {
      try {
        linkSync(draft, lock)
        return () => release(lock, mine)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      // Unreadable means another user's: never taken for stale.
      const owner = ownerOrRefuse(directory)
      if (owner) throw dataInUse(directory, owner.pid)
      removeStale(lock, directory)
    }
  } finally {
    rmSync(draft, { force: true })
  }
}

function ownerOrRefuse(directory: string): Owner | undefined {
  try {
    return liveOwner(directory)
  } catch (error) {
    throw folderUnavailable(directory, error)
  }
}

/** The live process that runs the embedded server of this folder, if any. */
export function liveOwner(directory: string): Owner | undefined {
  return aliveIn(readText(lockPath(directory)))
}

function aliveIn(content: string | undefined): Owner | undefined {
  if (content === undefined) return undefined
  let owner: Owner
  try {
    owner = JSON.parse(content) as Owner
  } catch {
    return undefined // Not a lock of ours: whole by construction, so it can only be somebody's leftover.
  }
  return processStart(owner.pid) === owner.since ? owner : undefined
}

function removeStale(lock: string, directory: string): void {
  const aside = `${lock}.stale.${process.pid}`
  try {
    renameSync(lock, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  const taken = aliveIn(readText(aside))
  // Another process replaced the stale lock between our look and our rename: put its lock back.
  if (taken) renameSync(aside, lock)
  rmSync(aside, { force: true })
  if (taken) throw dataInUse(directory, taken.pid)
}

function release(lock: string, mine: string): void {
  if (readText(lock) === mine) rmSync(lock, { force: true })
}

/** When a process began, or undefined when there is none with this pid. */
function processStart(pid: number): string | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  if (process.platform === 'linux') {
    const stat = readText(`/proc/${pid}/stat`)
    // The second field is the program's name in brackets and may hold anything; field 22 is the start time,
    // field 3 the state: a zombie no longer holds anything.
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields === undefined || fields[0] === 'Z' ? undefined : fields[19]
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
  } catch {
    return undefined // ps exits non-zero when there is no such process
  }
}

/** The live postmaster of a data directory, by its own lock file; a reused pid is told apart. */
export function livePostmaster(dataDirectory: string): number | undefined {
  const pid = Number(readText(join(dataDirectory, 'postmaster.pid'))?.split('\n')[0])
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  try {
    process.kill(pid, 0)
    // A postmaster works inside its data directory.
    const isOurs =
      process.platform === 'linux'
        ? readlinkSync(`/proc/${pid}/cwd`) === dataDirectory
        : execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).includes(
            dataDirectory,
          )
    return isOurs ? pid : undefined
  } catch {
    return undefined // no such process, or one of another user: not ours
  }
}

/** The file's text; undefined when it is not there. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'ENOTDIR') return undefined
    throw error
  }
}
