import type pg from 'pg'
import { messageOf, SQLSTATE, sqlstateOf } from '../../core/index.ts'
import { noServerFits } from '../errors.ts'
import { fits, type Role, roleInWords, type TargetSessionAttrs } from './role.ts'
import type { ServerAddress } from './server-list.ts'
import { asksForOtherWay, type Ways } from './tls.ts'

/** After a server was seen to be something else than is wanted: roles change quickly in a failover. */
const WRONG_ROLE_PAUSE_MS = 200
const FAILURE_PAUSE_MS = 500
/** Silence costs every attempt the whole time limit. */
const SILENCE_PAUSE_MS = 2_000
/** A better server that stays away is looked for ever more rarely. */
const LONGEST_PAUSE_MS = 30_000
/** Failures further apart than this belong to different outages. */
const SAME_OUTAGE_MS = 5_000
/** So many losses within the window, and whatever else is connected to the server goes, too. */
const LOSSES = 3
const LOSS_WINDOW_MS = 5_000

/** What the pool knows about one server. */
export class Server {
  readonly name: string
  readonly #ways: Ways
  /** Attempts that are to be made the second way, since the server asked for it. */
  #otherWays = 0
  /** Goes up when the server is given up: connections of an earlier epoch are not given out any more. */
  epoch = 0
  /** What it said last; undefined before it was asked. */
  role: Role | undefined
  /** Why it is not used; undefined when nothing is known against it. */
  problem: string | undefined
  /** Monotonic milliseconds before which others are tried first. */
  avoidUntil = 0
  /** Failures since it last worked. */
  failures = 0
  /** When sessions to it were lost lately. */
  losses: number[] = []

  constructor(name: string, ways: Ways) {
    this.name = name
    this.#ways = ways
  }

  /** How the next attempt connects to it. */
  nextWay(): pg.ClientConfig {
    const [first, second] = this.#ways
    if (this.#otherWays === 0 || !second) return first
    this.#otherWays -= 1
    return second
  }

  /** After an attempt of this way failed: whether another is to be made the other way (encrypted or not). */
  changesWay(tried: pg.ClientConfig, error: unknown): boolean {
    if (this.#ways.length === 1 || tried !== this.#ways[0] || !asksForOtherWay(error)) return false
    this.#otherWays += 1
    return true
  }
}

/** One server as it was last seen. */
export interface ServerPicture {
  /** `host:port` */
  readonly name: string
  /** `primary`, `standby`, or `unknown` before it was asked. */
  readonly role: 'primary' | 'standby' | 'unknown'
  /** Why connections go elsewhere; undefined when nothing is known against it. */
  readonly problem: string | undefined
  /** How often it was given up with everything connected to it. */
  readonly evictions: number
}

/** A server that is not what is wanted. */
export class WrongRole extends Error {
  constructor(server: Server, role: Role) {
    super(`${server.name} ${roleInWords(role)}`)
  }
}

/** What {@link Servers} is told about waiting. */
export interface ServersSpec {
  readonly target: TargetSessionAttrs
  /** How long callers wait while none of several servers can be used. */
  readonly failoverMs: number
  /** A server was given up, with everything connected to it. */
  evicted(server: Server): void
}

/**
 * The servers of one database, and which of them to connect to: the one that worked last, then the others in their
 * order. Sessions that end for the server's reasons count against it, and several of them within a few seconds evict
 * it: its other sessions are as good as lost.
 */
export class Servers {
  readonly all: readonly Server[]
  readonly #spec: ServersSpec
  #favourite: Server | undefined
  /** Since when attempts fail, and when one last did. */
  #failingSince = 0
  #failedAt = Number.NEGATIVE_INFINITY

  /** @param ways of each address. */
  constructor(
    addresses: readonly ServerAddress[],
    ways: (address: ServerAddress) => Ways,
    spec: ServersSpec,
  ) {
    this.all = addresses.map((address) => new Server(address.name, ways(address)))
    this.#spec = spec
  }

  pictures(): ServerPicture[] {
    return this.all.map(({ name, role, problem, epoch }) => ({
      name,
      role: role === undefined ? 'unknown' : role.isStandby ? 'standby' : 'primary',
      problem,
      evictions: epoch,
    }))
  }

  /** Why no server can be used; undefined while one may be. */
  outage(): unknown {
    const isEverywhere = !this.isSingle && this.all.every(({ problem }) => problem !== undefined)
    return isEverywhere ? this.#noneFits(undefined) : undefined
  }

  get isSingle(): boolean {
    return this.all.length === 1
  }

  /** The session must be of a certain kind: each has to be asked. */
  get hasTarget(): boolean {
    return this.#spec.target !== 'any'
  }

  /** Whoever uses it may want to write. */
  get mayExpectWrites(): boolean {
    const { target } = this.#spec
    return target === 'any' || target === 'read-write' || target === 'primary'
  }

  /** Whether a session to a standby has to go once that is promoted. */
  get mustFollow(): boolean {
    const { target } = this.#spec
    return target === 'standby' || target === 'read-only'
  }

  /** Where to try next. */
  pick(now: number): Server {
    const favourite = this.#favourite
    if (favourite && favourite.avoidUntil <= now) return favourite
    const first = this.all[0] as Server
    return (
      this.all.find(({ avoidUntil }) => avoidUntil <= now) ??
      this.all.reduce((least, one) => (one.avoidUntil < least.avoidUntil ? one : least), first)
    )
  }

  /** Whether a new session of this role is what is wanted; with `prefer-standby` also when no standby can be had. */
  accepts(server: Server, role: Role, now: number): boolean {
    server.role = role
    const { target } = this.#spec
    if (fits(target, role)) return true
    return target === 'prefer-standby' && this.all.every((one) => one === server || one.avoidUntil > now)
  }

  /** Whether a session that is there may stay. */
  keeps(server: Server, role: Role): boolean {
    server.role = role
    return this.#spec.target === 'prefer-standby' || fits(this.#spec.target, role)
  }

  works(server: Server): void {
    // What is only better than nothing is not what to begin with next time.
    if (!server.role || fits(this.#spec.target, server.role)) this.#favourite = server
    this.#failedAt = Number.NEGATIVE_INFINITY
    server.problem = undefined
    server.avoidUntil = 0
    server.failures = 0
  }

  /**
   * An attempt failed. What follows: the monotonic millisecond from which another may be made for the same callers,
   * or the error that whoever waits longest is told.
   */
  failed(
    server: Server,
    error: unknown,
    now: number,
  ): { readonly retryAt: number } | { readonly error: unknown } {
    server.problem =
      error instanceof WrongRole ? error.message.slice(server.name.length + 1) : messageOf(error)
    server.failures += 1
    server.avoidUntil = now + this.#pauseAfter(server, error)
    if (isFinal(error)) return { error }
    if (this.isSingle) return { error: error instanceof WrongRole ? this.#noneFits(error) : error }
    if (now - this.#failedAt > SAME_OUTAGE_MS) this.#failingSince = now
    this.#failedAt = now
    const isEverywhere = this.all.every(({ problem }) => problem !== undefined)
    if (isEverywhere && now - this.#failingSince >= this.#spec.failoverMs)
      return { error: this.#noneFits(error) }
    return { retryAt: Math.max(now, Math.min(...this.all.map(({ avoidUntil }) => avoidUntil))) }
  }

  /** A session of it was lost, or found to be on the wrong side, for the server's reasons. */
  lost(server: Server, epoch: number, reason: unknown, now: number): void {
    if (epoch !== server.epoch) return // known already
    server.losses = server.losses.filter((at) => at > now - LOSS_WINDOW_MS)
    server.losses.push(now)
    if (server.losses.length < LOSSES) return
    server.losses = []
    server.epoch += 1
    server.problem = messageOf(reason)
    server.avoidUntil = now + FAILURE_PAUSE_MS
    this.#spec.evicted(server)
  }

  #pauseAfter({ failures }: Server, error: unknown): number {
    if (error instanceof WrongRole) return WRONG_ROLE_PAUSE_MS
    const pauseMs = isSilence(error) ? SILENCE_PAUSE_MS : FAILURE_PAUSE_MS
    // Others do as well: the one that stays away must not cost every new connection an attempt.
    return this.#spec.target === 'prefer-standby'
      ? Math.min(LONGEST_PAUSE_MS, pauseMs * 2 ** Math.min(failures - 1, 10))
      : pauseMs
  }

  #noneFits(error: unknown): unknown {
    return noServerFits(this.#spec.target, this.all, error)
  }
}

function isSilence(error: unknown): boolean {
  return /timeout/i.test(messageOf(error)) || (error as { code?: unknown }).code === 'ETIMEDOUT'
}

/** Another server of the same database would say the same. */
function isFinal(error: unknown): boolean {
  const sqlstate = sqlstateOf(error)
  return (
    sqlstate === SQLSTATE.invalidPassword ||
    sqlstate === SQLSTATE.invalidAuthorizationSpecification ||
    sqlstate === SQLSTATE.invalidCatalogName
  )
}
