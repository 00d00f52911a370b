import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { type Clock, uuidv7 } from '../core/index.ts'
import type { Role } from './roles.ts'

/** Who got in, and how. */
export interface Identity {
  /** Names the session in lists and records; no secret. */
  readonly id: string
  /** Whom the link or the token was made for. */
  readonly name: string
  readonly role: Role
  /** A browser's session, or a program's token. */
  readonly kind: 'session' | 'token'
  /** Milliseconds since 1970, as the two below. */
  readonly createdAt: number
  /** Infinity: with the process. */
  readonly expiresAt: number
}

/** Somebody who got in, as records say it. */
export const actorOf = ({ name, role }: Pick<Identity, 'name' | 'role'>): string => `${name} (${role})`

/** One that is listed. */
export interface ListedIdentity extends Identity {
  readonly lastSeenAt: number
}

/** What a browser is given when it signs in. Neither half is worth anything without the other. */
export interface SignedIn {
  readonly identity: Identity
  /** Goes into a cookie that no script reads. Cookies know no ports: other servers of the same machine see it. */
  readonly cookieSecret: string
  /** Is kept where only pages of the same origin get at it, port and all, and sent with every request. */
  readonly key: string
}

interface Kept {
  readonly identity: Identity
  /** Hash of the cookie's secret; null for tokens, which no browser sends by itself. */
  readonly cookieHash: Buffer | null
  lastSeenAt: number
}

const LINK_LIFE_MS = 10 * 60_000
const SESSION_LIFE_MS = 12 * 3_600_000
/** A session that asks for nothing this long has ended. A page that is open asks all the time. */
const IDLE_LIFE_MS = 3_600_000
const MOST_LINKS = 100
const MOST_SESSIONS = 1_000

/**
 * Sign-in links, console sessions and tokens, in memory: a restart signs everyone out. Only hashes are kept, so
 * a dump of this process gives no one away.
 */
export class ConsoleSessions {
  readonly #clock: Clock
  readonly #links = new Map<string, { role: Role; name: string; expiresAt: number }>()
  /** By the hash of what is sent: how long the search takes says nothing about the secret. */
  readonly #kept = new Map<string, Kept>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A secret that signs one person in once, within ten minutes. @param name whom it is for */
  createLink(role: Role, name: string): string {
    const secret = newSecret()
    forgetOldest(this.#links, MOST_LINKS)
    this.#links.set(textHash(secret), { role, name, expiresAt: this.#clock.now() + LINK_LIFE_MS })
    return secret
  }

  /** Turns a link's secret into a session; undefined when the link was used, has expired or never was. */
  redeem(linkSecret: string): SignedIn | undefined {
    const hash = textHash(linkSecret)
    const link = this.#links.get(hash)
    this.#links.delete(hash)
    if (!link || link.expiresAt <= this.#clock.now()) return undefined
    const cookieSecret = newSecret()
    const key = newSecret()
    const identity = this.#identity(link.role, link.name, 'session')
    this.#makeRoom()
    this.#kept.set(textHash(key), {
      identity,
      cookieHash: hashOf(cookieSecret),
      lastSeenAt: identity.createdAt,
    })
    return { identity, cookieSecret, key }
  }

  /** A secret for programs, good until the process ends. @param name which program it is for */
  createToken(role: Role, name: string): string {
    const secret = newSecret()
    const identity = this.#identity(role, name, 'token')
    this.#kept.set(textHash(secret), { identity, cookieHash: null, lastSeenAt: identity.createdAt })
    return secret
  }

  /** Whose session this is: the key and one of the cookies belong together. */
  findSession(key: string, cookieSecrets: readonly string[]): Identity | undefined {
    const kept = this.#kept.get(textHash(key))
    if (!kept?.cookieHash) return undefined
    const { cookieHash } = kept
    return cookieSecrets.some((secret) => timingSafeEqual(hashOf(secret), cookieHash))
      ? this.#seen(kept)
      : undefined
  }

  findToken(secret: string): Identity | undefined {
    const kept = this.#kept.get(textHash(secret))
    return kept && kept.cookieHash === null ? this.#seen(kept) : undefined
  }

  /** Whether somebody who got in still is in. */
  isLive({ id }: Identity): boolean {
    for (const kept of this.#kept.values()) if (kept.identity.id === id) return this.#isLive(kept)
    return false
  }

  /** Who is in, those first who came last. */
  list(): ListedIdentity[] {
    return [...this.#kept.values()]
      .filter((kept) => this.#isLive(kept))
      .map(({ identity, lastSeenAt }) => ({ ...identity, lastSeenAt }))
      .toReversed()
  }

  /** Ends a session or takes a token back; undefined where there is none of this id. */
  end(id: string): Identity | undefined {
    for (const [hash, { identity }] of this.#kept) {
      if (identity.id !== id) continue
      this.#kept.delete(hash)
      return identity
    }
    return undefined
  }

  #identity(role: Role, name: string, kind: Identity['kind']): Identity {
    const createdAt = this.#clock.now()
    const expiresAt = kind === 'token' ? Number.POSITIVE_INFINITY : createdAt + SESSION_LIFE_MS
    return { id: uuidv7(), name, role, kind, createdAt, expiresAt }
  }

  #seen(kept: Kept): Identity | undefined {
    if (!this.#isLive(kept)) return undefined
    kept.lastSeenAt = this.#clock.now()
    return kept.identity
  }

  #isLive({ identity, lastSeenAt }: Kept): boolean {
    const now = this.#clock.now()
    return identity.expiresAt > now && (identity.kind === 'token' || lastSeenAt + IDLE_LIFE_MS > now)
  }

  /** What has ended goes first, then the session that nobody has used for longest. */
  #makeRoom(): void {
    for (const [hash, kept] of this.#kept) if (!this.#isLive(kept)) this.#kept.delete(hash)
    const sessions = [...this.#kept].filter(([, { identity }]) => identity.kind === 'session')
    if (sessions.length < MOST_SESSIONS) return
    const [oldest] = sessions.toSorted(([, a], [, b]) => a.lastSeenAt - b.lastSeenAt)
    if (oldest) this.#kept.delete(oldest[0])
  }
}

function newSecret(): string {
  return randomBytes(32).toString('base64url')
}

const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()
const textHash = (secret: string): string => hashOf(secret).toString('base64url')

/** Maps keep the order of insertion: the first is the oldest. */
function forgetOldest(list: Map<string, unknown>, most: number): void {
  if (list.size < most) return
  const [oldest] = list.keys()
  if (oldest !== undefined) list.delete(oldest)
}
