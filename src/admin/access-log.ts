import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { Clock, Recorder, Timer } from '../core/index.ts'
import type { Identity } from './console-sessions.ts'
import { type Entry, RecordQueue } from './record-queue.ts'
import type { Role } from './roles.ts'

/** So many refusals of one session wait for the database; the log has them all. */
const MOST_REFUSALS_WAITING = 20
/** What was refused again within that is one more record, with its count. */
const REPEATS_MS = 60_000
/** Of requests that did nothing. Those that a role may not make are recorded as refused. */
const UNRECORDED: ReadonlySet<number> = new Set([400, 403, 404, 405, 413, 415, 429])

/**
 * Who got in, who was refused, who changed what: each a line of the log, and what somebody who is known did also a row of `operations`.
 * What strangers do is only in the log: they must not be able to fill a table. Rows are written behind
 * the answers, by the {@link RecordQueue}.
 */
export class AccessLog {
  readonly #queue: RecordQueue
  readonly #clock: Clock
  /** Refusals since the minute began, by session and route; a count of those after the first. */
  readonly #refusals = new Map<string, { readonly by: Identity; readonly entry: Entry; again: number }>()
  #minute: Timer | undefined

  constructor(recorder: Recorder, clock: Clock) {
    this.#queue = new RecordQueue(recorder, clock)
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
    const entry = { action: 'api.refused', subject: routeOf(request), details: { needed, ...from(request) } }
    const key = `${identity.id} ${entry.subject}`
    const known = this.#refusals.get(key)
    if (known) {
      known.again += 1
      this.#say(log, identity, entry)
      return
    }
    this.#refusals.set(key, { by: identity, entry, again: 0 })
    this.#minute ??= this.#clock.setTimer(() => this.#countRefusals(), REPEATS_MS, 'background')
    this.#tell(log, identity, entry)
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

  /** Remembers what a request asks for, in the name of who sent it. What must not be done without its record has a recorder of its own. */
  recorderOf({ identity, log }: Pick<FastifyRequest, 'identity' | 'log'>): Recorder {
    return {
      record: async (operation) =>
        this.#tell(log, identity, { ...operation, details: operation.details ?? {} }),
    }
  }

  /** Waits a little for what is being written. */
  async close(): Promise<void> {
    this.#countRefusals()
    await this.#queue.close()
  }

  #countRefusals(): void {
    this.#minute?.cancel()
    this.#minute = undefined
    for (const { by, entry, again } of this.#refusals.values())
      if (again > 0) this.#queue.add(by, { ...entry, details: { ...entry.details, again } }, undefined)
    this.#refusals.clear()
  }

  #tell(log: FastifyBaseLogger | undefined, by: Identity | null, entry: Entry): void {
    this.#say(log, by, entry)
    this.#queue.add(by, entry, log, entry.action === 'api.refused' ? MOST_REFUSALS_WAITING : undefined)
  }

  #say(log: FastifyBaseLogger | undefined, by: Identity | null, { action, subject, details }: Entry): void {
    const who = by && { session: by.id, name: by.name, role: by.role }
    log?.warn({ event: action, subject, by: who, ...details }, `${action} ${subject}`)
  }
}

const from = ({ ip, id }: FastifyRequest): { address: string; request: string } => ({
  address: ip,
  request: id,
})
/** Without what stands in the path: the route as it is declared. */
const routeOf = ({ method, routeOptions }: FastifyRequest): string => `${method} ${routeOptions.url ?? ''}`
