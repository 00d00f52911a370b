import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import { type Operation, type Recorder, SQLSTATE, sqlstateOf } from '../core/index.ts'
import type { Identity } from './console-sessions.ts'
import type { Role } from './roles.ts'

/** So many records may wait for the database; the log has them all. */
const MOST_WAITING = 100

/** Somebody who got in, as records say it. */
export const actorOf = ({ name, role }: Identity): string => `${name} (${role})`

/**
 * Who got in, who was refused, who changed what: each a line of the log, and what somebody who is known did also a row of `operations`.
 * What strangers do is only in the log: they must not be able to fill a table.
 */
export class AccessLog {
  readonly #recorder: Recorder
  readonly #writing = new Set<Promise<unknown>>()

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
    if (request.identity)
      this.#tell(request.log, request.identity, {
        action: 'api.change',
        subject: routeOf(request),
        details: { status, ...from(request) },
      })
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#writing)
  }

  #tell(
    log: FastifyBaseLogger | undefined,
    by: Identity | null,
    operation: Omit<Operation, 'actor'> & { details: object },
  ): void {
    const { action, subject, details } = operation
    const who = by && { session: by.id, name: by.name, role: by.role }
    log?.warn({ event: action, subject, by: who, ...details }, `${action} ${subject}`)
    if (this.#writing.size >= MOST_WAITING) return
    const writing = this.#recorder
      .record({ ...operation, ...(by && { actor: actorOf(by), details: { session: by.id, ...details } }) })
      .catch((error: unknown) => {
        // Without our own tables there is the log.
        if (sqlstateOf(error) !== SQLSTATE.undefinedTable)
          log?.error({ err: error, event: action }, 'it could not be recorded in the database')
      })
      .finally(() => this.#writing.delete(writing))
    this.#writing.add(writing)
  }
}

const from = ({ ip, id }: FastifyRequest): { address: string; request: string } => ({
  address: ip,
  request: id,
})
/** Without what stands in the path: the route as it is declared. */
const routeOf = ({ method, routeOptions }: FastifyRequest): string => `${method} ${routeOptions.url ?? ''}`
