import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import {
  type Clock,
  type Operation,
  type Recorder,
  SQLSTATE,
  sqlstateOf,
  type Timer,
  wait,
  within,
} from '../core/index.ts'
import type { Identity } from './console-sessions.ts'
import type { Role } from './roles.ts'

/** So many records of one session wait for the database; the log has them all. Whoever floods it takes no place of others'. */
const MOST_REFUSALS_WAITING = 20
/** More than anybody may change within the minutes for which is tried. */
const MOST_WAITING = 10_000
/** What cannot be written now is tried again for some minutes. */
const MOST_TRIES = 60
const PAUSE_MS = 5_000
/** A lock, a limit, a server that is away or full; what has no state did not get as far as the server. */
const PASSES = /^(55P03|08|53|57)/
/** What was refused again within that is one more record, with its count. */
const REPEATS_MS = 60_000
const LONGEST_GOODBYE_MS = 5_000
/** Of requests that did nothing. Those that a role may not make are recorded as refused. */
const UNRECORDED: ReadonlySet<number> = new Set([400, 403, 404, 405, 413, 415, 429])

type Record = Omit<Operation, 'actor'> & { readonly details: object }

/** What one session did and is not yet written down. */
interface Waiting {
  readonly by: Identity | null
  readonly records: Record[]
  leftOut: number
}

/** Somebody who got in, as records say it. */
export const actorOf = ({ name, role }: Identity): string => `${name} (${role})`

/**
 * Who got in, who was refused, who changed what: each a line of the log, and what somebody who is known did also a row of `operations`.
 * What strangers do is only in the log: they must not be able to fill a table. Rows are written one after the other, in turn for each
 * session, behind the answer.
 */
export class AccessLog {
  readonly #recorder: Recorder
  readonly #clock: Clock
  /** By the session that they are of; those of the process itself under ''. */
  readonly #waiting = new Map<string, Waiting>()
  #writing: Promise<void> = Promise.resolve()
  #isWriting = false
  readonly #closing = new AbortController()
  /** Refusals since the minute began, by session and route; a count of those after the first. */
  readonly #refusals = new Map<string, { readonly by: Identity; readonly record: Record; again: number }>()
  #minute: Timer | undefined

  constructor(recorder: Recorder, clock: Clock) {
    this.#recorder = recorder
    this.#clock = clock
  }

  /** A link was made. @param by null where the process itself made it */
  linkMade(log: FastifyBaseLogger | undefined, by: Identity | null, name: string, role: Role): void {
    this.#tell(log, by, { action: 'session.link', subject: name, details: { role } })
  }

  signedIn(request: FastifyRequest, identity: Identity): void {
    this.#tell(request.log, identity, {
      action: 'session.sign_in',
      subject: identity.name,
      details: from(request),
    })
  }

  /** Of a link that is not good, or no more. */
  signInRefused(request: FastifyRequest): void {
    request.log.warn({ event: 'session.refused', ...from(request) }, 'a sign-in link was refused')
  }

  /** Somebody ended a session: their own, or another's. */
  ended(request: FastifyRequest, by: Identity, ended: Identity): void {
    this.#tell(request.log, by, {
      action: by.id === ended.id ? 'session.sign_out' : 'session.end',
      subject: ended.name,
      details: { session: ended.id, role: ended.role, ...from(request) },
    })
  }

  /** Somebody wanted more than their role may. */
  refused(request: FastifyRequest, needed: Role): void {
    const { identity, log } = request
    if (!identity) return
    const record = { action: 'api.refused', subject: routeOf(request), details: { needed, ...from(request) } }
    const key = `${identity.id} ${record.subject}`
    const known = this.#refusals.get(key)
    if (known) {
      known.again += 1
      this.#say(log, identity, record)
      return
    }
    this.#refusals.set(key, { by: identity, record, again: 0 })
    this.#minute ??= this.#clock.setTimer(() => this.#countRefusals(), REPEATS_MS, 'background')
    this.#tell(log, identity, record)
  }

  /** A request that changes something was answered. */
  changed(request: FastifyRequest, status: number): void {
    const { identity, params } = request
    if (!identity || UNRECORDED.has(status)) return
    const which = Object.keys(params as object).length > 0 ? { params } : {}
    this.#tell(request.log, identity, {
      action: 'api.change',
      subject: routeOf(request),
      details: { status, ...which, ...from(request) },
    })
  }

  /** Remembers what somebody asked for in their name, behind the answer. What must not be done without its record has one of its own. */
  recorderOf(by: Identity | null): Recorder {
    return {
      record: async (operation) => {
        this.#tell(undefined, by, { ...operation, details: operation.details ?? {} })
        return ''
      },
    }
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    this.#countRefusals()
    this.#closing.abort()
    const writing = this.#writing
    await within(this.#clock, LONGEST_GOODBYE_MS, writing, () => new Error('still writing')).catch(() => {}) // the log has them
  }

  #countRefusals(): void {
    this.#minute?.cancel()
    this.#minute = undefined
    for (const { by, record, again } of this.#refusals.values())
      if (again > 0) this.#keep(undefined, by, { ...record, details: { ...record.details, again } })
    this.#refusals.clear()
  }

  #tell(log: FastifyBaseLogger | undefined, by: Identity | null, record: Record): void {
    this.#say(log, by, record)
    this.#keep(log, by, record)
  }

  #say(log: FastifyBaseLogger | undefined, by: Identity | null, { action, subject, details }: Record): void {
    const who = by && { session: by.id, name: by.name, role: by.role }
    log?.warn({ event: action, subject, by: who, ...details }, `${action} ${subject}`)
  }

  #keep(log: FastifyBaseLogger | undefined, by: Identity | null, record: Record): void {
    const of = by?.id ?? ''
    const waiting = this.#waiting.get(of) ?? { by, records: [], leftOut: 0 }
    this.#waiting.set(of, waiting)
    const most = record.action === 'api.refused' ? MOST_REFUSALS_WAITING : MOST_WAITING
    if (waiting.records.length < most) waiting.records.push(record)
    else waiting.leftOut += 1
    if (this.#isWriting) return
    this.#isWriting = true
    this.#writing = this.#writeAll(log)
  }

  /** One of each session in turn. */
  async #writeAll(log: FastifyBaseLogger | undefined): Promise<void> {
    for (const [of, waiting] of this.#waiting) {
      this.#waiting.delete(of)
      const { by, records, leftOut } = waiting
      const next = records.shift()
      // A map goes on with what is added while it is gone through.
      if (next || leftOut > 0) this.#waiting.set(of, next ? waiting : { by, records, leftOut: 0 })
      if (next) await this.#write(log, by, next)
      else if (leftOut > 0)
        await this.#write(log, by, {
          action: 'api.left_out',
          subject: 'records',
          details: { count: leftOut },
        })
    }
    this.#isWriting = false
  }

  async #write(log: FastifyBaseLogger | undefined, by: Identity | null, record: Record): Promise<void> {
    const { action, details } = record
    for (let attempt = 1; ; attempt += 1)
      try {
        await this.#recorder.record({
          ...record,
          ...(by && { actor: actorOf(by), details: { session: by.id, ...details } }),
        })
        return
      } catch (error) {
        const state = sqlstateOf(error)
        const { signal } = this.#closing
        if ((state === undefined || PASSES.test(state)) && attempt < MOST_TRIES && !signal.aborted) {
          // At a lock it has waited already.
          if (state !== SQLSTATE.lockNotAvailable) await wait(this.#clock, PAUSE_MS, signal).catch(() => {})
          continue
        }
        // Without our own tables there is the log.
        if (state !== SQLSTATE.undefinedTable)
          log?.error({ err: error, event: action }, 'it could not be recorded in the database')
        return
      }
  }
}

const from = ({ ip, id }: FastifyRequest): { address: string; request: string } => ({
  address: ip,
  request: id,
})
/** Without what stands in the path: the route as it is declared. */
const routeOf = ({ method, routeOptions }: FastifyRequest): string => `${method} ${routeOptions.url ?? ''}`
