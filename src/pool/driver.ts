import type { EventEmitter } from 'node:events'
import pg from 'pg'

/** The parts of pg's client that its types leave out, and that the pool relies on. In one place, on purpose. */
export interface DriverClient extends EventEmitter {
  readonly connection: {
    readonly stream: EventEmitter & {
      readonly writable: boolean
      write(bytes: Buffer): boolean
      destroy(error?: Error): void
    }
    on?(
      event: 'parameterStatus',
      listener: (message: { parameterName: string; parameterValue: string }) => void,
    ): void
  }
  /** No statement of the driver's is on its way. */
  readonly readyForQuery: boolean
  readonly _queryQueue: readonly unknown[]
  /** The last status the server told: idle, in a transaction, in a failed one. */
  _txStatus: 'I' | 'T' | 'E' | null
  /** Its `end()` was called. */
  readonly _ending?: boolean
  readonly processID: number | null
  readonly secretKey: number | null
  getTypeParser(oid: number, format: 'text'): (text: string) => unknown
  ref(): void
  unref(): void
}

export function driverOf(client: pg.Client): DriverClient {
  return client as unknown as DriverClient
}

/** Whether statements run the driver's own way: a subclass or an instrumented client may do more than that. */
export function isOwnQuery(client: pg.Client): boolean {
  return client instanceof pg.Client && client.query === pg.Client.prototype.query
}

/** Whether the connected client's socket can be read by somebody else in turn with the driver. */
export function hasOneReader(client: pg.Client): boolean {
  const { connection } = driverOf(client) as Partial<DriverClient>
  return connection?.stream?.listeners?.('data').length === 1
}

/** Makes a value ready for the wire, as the driver does. */
export const prepareValue = (
  pg as unknown as { utils: { prepareValue(value: unknown): string | Buffer | null } }
).utils.prepareValue
