import { spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { programPath } from './binaries.ts'
import { dataVersion, initFailed } from './errors.ts'
import { readText } from './ownership.ts'
import { asServerUser, makeServerFolder, type Placement } from './placement.ts'

/** The superuser and the database that every embedded server has. */
export const EMBEDDED_NAME = 'holdfast'

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
  const aside = mkdtempSync(join(dirname(dataDirectory), 'initialising-'))
  try {
    makeServerFolder(aside, user)
    const passwordFile = join(aside, 'password')
    writeFileSync(passwordFile, password, { mode: 0o600 })
    if (user) chownSync(aside, user.uid, user.gid)
    if (user) chownSync(passwordFile, user.uid, user.gid)
    const made = join(aside, 'data')
    const run = spawnSync(
      programPath(binaries, 'initdb'),
      [
        `--pgdata=${made}`,
        `--username=${EMBEDDED_NAME}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        // 17 brought a locale that is the same on every machine and still knows upper from lower case.
        ...(binaries.major >= 17 ? ['--locale-provider=builtin', '--locale=C.UTF-8'] : ['--no-locale']),
        ...(durable ? [] : ['--no-sync']),
      ],
      { ...asServerUser(user), encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } },
    )
    if (run.status !== 0) {
      const reason = (run.error?.message ?? run.stderr).trim().split('\n').at(-1) ?? 'initdb failed'
      throw initFailed(dataDirectory, reason, run.error)
    }
    renameSync(made, dataDirectory)
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}
