import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../core/index.ts'
import type { Role } from './roles.ts'

/** Somebody who got in. */
export interface Identity {
  readonly role: Role
  readonly kind: 'session' | 'token'
  /** What an unsafe request of a cookie session must repeat in a header. Null for tokens: no browser sends those by itself. */
  readonly csrfToken: string | null
  readonly expiresAt: number
}

const LINK_LIFE_MS = 10 * 60_000
const SESSION_LIFE_MS = 12 * 3_600_000
const MOST_LINKS = 100
const MOST_SESSIONS = 1_000

/**
 * Sign-in links, console sessions and tokens, in memory: a restart signs everyone out. Only hashes are kept, so
 * a dump of this process gives no one away.
 */
export class ConsoleSessions {
  readonly #clock: Clock
  readonly #links = new Map<string, { role: Role; expiresAt: number }>()
  readonly #sessions = new Map<string, Identity>()
  readonly #tokens = new Map<string, Identity>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A secret that signs in once, within ten minutes. */
  createLink(role: Role): string {
    const secret = newSecret()
    forgetOldest(this.#links, MOST_LINKS)
    this.#links.set(hash(secret), { role, expiresAt: this.#clock.now() + LINK_LIFE_MS })
    return secret
  }

  /** Turns a link's secret into a session's; undefined when the link was used, has expired or never was. */
  redeem(linkSecret: string): string | undefined {
    const key = hash(linkSecret)
    const link = this.#links.get(key)
    this.#links.delete(key)
    if (!link || link.expiresAt <= this.#clock.now()) return undefined
    const sessionSecret = newSecret()
    const identity: Identity = {
      role: link.role,
      kind: 'session',
      csrfToken: newSecret(),
      expiresAt: this.#clock.now() + SESSION_LIFE_MS,
    }
    forgetOldest(this.#sessions, MOST_SESSIONS)
    this.#sessions.set(hash(sessionSecret), identity)
    return sessionSecret
  }

  /** A secret for programs on this machine; good until the process ends. */
  createToken(role: Role): string {
    const secret = newSecret()
    this.#tokens.set(hash(secret), {
      role,
      kind: 'token',
      csrfToken: null,
      expiresAt: Number.POSITIVE_INFINITY,
    })
    return secret
  }

  findSession(secret: string): Identity | undefined {
    return this.#live(this.#sessions, secret)
  }

  findToken(secret: string): Identity | undefined {
    return this.#live(this.#tokens, secret)
  }

  /** Whether somebody who got in still is in. */
  isLive(identity: Identity): boolean {
    if (identity.expiresAt <= this.#clock.now()) return false
    const lists = identity.kind === 'session' ? this.#sessions : this.#tokens
    return [...lists.values()].includes(identity)
  }

  signOut(secret: string): void {
    this.#sessions.delete(hash(secret))
  }

  #live(list: ReadonlyMap<string, Identity>, secret: string): Identity | undefined {
    // Looked up by a hash of what was sent: how long the comparison takes says nothing about the secret.
    const identity = list.get(hash(secret))
    return identity && identity.expiresAt > this.#clock.now() ? identity : undefined
  }
}

function newSecret(): string {
  return randomBytes(32).toString('base64url')
}

function hash(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}

/** Maps keep the order of insertion: the first is the oldest. */
function forgetOldest(list: Map<string, unknown>, most: number): void {
  if (list.size < most) return
  const [oldest] = list.keys()
  if (oldest !== undefined) list.delete(oldest)
}
