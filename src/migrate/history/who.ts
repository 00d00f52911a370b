import { execFileSync } from 'node:child_process'
import { hostname, userInfo } from 'node:os'

/** Who runs a migration, as far as the machine knows. */
export interface Who {
  readonly osUser: string
  readonly host: string
  readonly gitCommit: string | null
}

let cachedWho: Who | undefined

/** Who runs this: the actor that CI names (GitHub, GitLab), else the operating system's user. */
export function whoRuns(): Who {
  cachedWho ??= {
    osUser: process.env.GITHUB_ACTOR ?? process.env.GITLAB_USER_LOGIN ?? operatingSystemUser(),
    host: hostname(),
    gitCommit: gitCommit(),
  }
  return cachedWho
}

/** Who acts from here, for what is remembered: `ann@laptop`. */
export function actorHere(): string {
  const { osUser, host } = whoRuns()
  return `${osUser}@${host}`
}

function operatingSystemUser(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}` // containers run under ids that have no name
  }
}

function gitCommit(): string | null {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return null // not a working copy, or no git here
  }
}
