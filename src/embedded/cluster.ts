import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, lchownSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { programPath } from './binaries.ts'
import { dataVersion, initFailed } from './errors.ts'
import { readText } from './ownership.ts'
import { asServerUser, type Placement } from './placement.ts'

/**
 * The superuser that every embedded server has. Not `holdfast`: by PostgreSQL's default a schema named like the
 * role comes first in the search path, and a user's tables would land among Holdfast's own.
 */
export const EMBEDDED_USER = 'postgres'

/** The database of the URL. */
export const EMBEDDED_DATABASE = 'holdfast'

/** Whether a data directory has been made there. */
export function isCluster(dataDirectory: string): boolean {
  return existsSync(join(dataDirectory, 'PG_VERSION'))
}

/** Where a data directory is made before it gets its name. */
const ASIDE = 'initialising-'

/**
 * Makes the data directory unless it is there. It is made aside and renamed, so that an interrupted initdb
 * leaves nothing that looks like a database.
 *
 * @param password of the superuser; goes to initdb through a file that only the server's user can read.
 * @throws HF_EMBEDDED_DATA_VERSION for data of another major version; HF_EMBEDDED_INIT_FAILED.
 */
export function ensureCluster(placement: Placement, password: string, durable: boolean): void {
  const { dataDirectory, binaries, user } = placement
  const version = readText(join(dataDirectory, 'PG_VERSION'))?.trim()
  if (version !== undefined) {
    if (version !== String(binaries.major)) throw dataVersion(dataDirectory, version, binaries.major)
    return
  }
  if (existsSync(dataDirectory))
    throw initFailed(dataDirectory, 'the folder exists and holds no PostgreSQL data')
  const home = dirname(dataDirectory)
  // Whoever was killed while making one left this; the folder is ours alone now.
  for (const name of readdirSync(home).filter((entry) => entry.startsWith(ASIDE))) {
    rmSync(join(home, name), { recursive: true, force: true })
  }
  const aside = join(home, ASIDE + randomBytes(6).toString('hex'))
  // The folder may be in one of the server's user: root follows no path there, and everything in it is that user's doing.
  mkdirSync(aside, { mode: 0o700 })
  if (user) lchownSync(aside, user.uid, user.gid)
  const shell = (script: string, input = '') =>
    spawnSync('/bin/sh', ['-c', script, 'sh', aside], { ...asServerUser(user), input, encoding: 'utf8' })
  try {
    const prepared = shell('umask 077; cat > "$1/password"', password)
    if (prepared.status !== 0)
      throw initFailed(dataDirectory, prepared.error?.message ?? prepared.stderr.trim(), prepared.error)
    const passwordFile = join(aside, 'password')
    const made = join(aside, 'data')
    const run = spawnSync(
      programPath(binaries, 'initdb'),
      [
        `--pgdata=${made}`,
        `--username=${EMBEDDED_USER}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        // 17 brought a locale that is the same on every machine and still knows upper from lower case.
        ...(binaries.major >= 17 ? ['--locale-provider=builtin', '--locale=C.UTF-8'] : ['--no-locale']),
        ...(durable ? [] : ['--no-sync']),
      ],
      { ...asServerUser(user), encoding: 'utf8' },
    )
    if (run.status !== 0) {
      const reason = (run.error?.message ?? run.stderr).trim().split('\n').at(-1) ?? 'initdb failed'
      throw initFailed(dataDirectory, reason, run.error)
    }
    renameSync(made, dataDirectory)
  } finally {
    shell('rm -rf "$1"/*')
    rmdirSync(aside)
  }
}
