import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import { type Operation, type Recorder, SQLSTATE, sqlstateOf } from '../core/index.ts'
import type { Identity } from './console-sessions.ts'
import type { Role } from './roles.ts'

/** So many records of one session may wait for the database; the log has them all. Whoever floods it takes no place of others'. */
const MOST_WAITING = 20
/** Of requests that did nothing: there is no such route, or too many were sent. */
const UNRECORDED: ReadonlySet<number> = new Set([404, 405, 429])

/** Somebody who got in, as records say it. */
export const actorOf = ({ name, role }: Identity): string => `${name} (${role})`

/**
 * Who got in, who was refused, who changed what: each a line of the log, and what somebody who is known did also a row of `operations`.
 * What strangers do is only in the log: they must not be able to fill a table.
 */
export class AccessLog {
  readonly #recorder: Recorder
  /** By the session that they are of; those of the process itself under ''. */
  readonly #writing = new Map<string, Set<Promise<unknown>>>()

  constructor(recorder: Recorder) {
    this.#recorder = recorder
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
    if (request.identity)
      this.#tell(request.log, request.identity, {
        action: 'api.refused',
        subject: routeOf(request),
        details: { needed, ...from(request) },
      })
  }

  /** A request that changes something was answered. */
  changed(request: FastifyRequest, status: number): void {
    if (request.identity && !UNRECORDED.has(status))
      this.#tell(request.log, request.identity, {
        action: 'api.change',
        subject: routeOf(request),
        details: { status, ...from(request) },
      })
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#writing.values()].flatMap((of) => [...of]))
  }

  #tell(
    log: FastifyBaseLogger | undefined,
    by: Identity | null,
    operation: Omit<Operation, 'actor'> & { details: object },
  ): void {
    const { action, subject, details } = operation
    const who = by && { session: by.id, name: by.name, role: by.role }
    log?.warn({ event: action, subject, by: who, ...details }, `${action} ${subject}`)
    const of = by?.id ?? ''
    const waiting = this.#writing.get(of) ?? new Set()
    if (waiting.size >= MOST_WAITING) return
    this.#writing.set(of, waiting)
    const writing = this.#recorder
      .record({ ...operation, ...(by && { actor: actorOf(by), details: { session: by.id, ...details } }) })
      .catch((error: unknown) => {
        // Without our own tables there is the log.
        if (sqlstateOf(error) !== SQLSTATE.undefinedTable)
          log?.error({ err: error, event: action }, 'it could not be recorded in the database')
      })
      .finally(() => {
        waiting.delete(writing)
        if (waiting.size === 0) this.#writing.delete(of)
      })
    waiting.add(writing)
  }
}

const from = ({ ip, id }: FastifyRequest): { address: string; request: string } => ({
  address: ip,
  request: id,
})
/** Without what stands in the path: the route as it is declared. */
const routeOf = ({ method, routeOptions }: FastifyRequest): string => `${method} ${routeOptions.url ?? ''}`
