import type net from 'node:net'
import pg from 'pg'
import { type Clock, systemClock, wait, within } from '../core/index.ts'
import { driverOf } from './driver.ts'

/** The parts of the driver's connection that cancelling needs and its types leave out. */
interface BareConnection {
  readonly stream: { destroy(): void; readonly remoteAddress?: string; readonly remotePort?: number }
  connect(port: number | string, host?: string): void
  requestSsl(): void
  cancel(processId: number, secretKey: number): void
  once(event: 'connect' | 'sslconnect' | 'end' | 'error', listener: (error?: Error) => void): void
}

const BareConnection = pg.Connection as unknown as new (config: object) => BareConnection

/** A server that does not take the request within this time will not take it at all. */
const LIMIT_MS = 5_000

/**
 * Asks the server to cancel what the client's session runs, over a connection of its own. Resolves when the server
 * has taken the request: the session has its signal then, and answers with 57014 unless it was done already.
 * Encrypted when the client's connection is.
 */
export async function requestCancel(client: pg.Client, clock: Clock): Promise<void> {
  const { processID, secretKey } = driverOf(client)
  if (processID === null || secretKey === null) return
  const { ssl, host, port } = client as unknown as { ssl: unknown; host: string; port: number }
  const connection = new BareConnection({ ssl })
  const ended = new Promise<void>((resolve, reject) => {
    connection.once('end', () => resolve())
    connection.once('error', (error) => reject(error as Error))
    connection.once(ssl ? 'sslconnect' : 'connect', () => connection.cancel(processID, secretKey))
    if (ssl) connection.once('connect', () => connection.requestSsl())
  })
  if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`)
  else connection.connect(port, ssl ? host : addressOf(client, host))
  try {
    await within(clock, LIMIT_MS, ended, () => new Error('the server did not take the request'))
  } finally {
    connection.stream.destroy()
  }
}

const FIRST_PAUSE_MS = 100
const MOST_REQUESTS = 10

/**
 * Asks until the statement has ended. A request that overtakes its statement finds the session idle, and the server
 * takes no notice of it: the statement would run to its end. So it is sent again, after 100 ms, then twice as long.
 *
 * @param ended settles when the statement has; no request is sent after that.
 */
export async function cancelUntilEnded(
  client: pg.Client,
  clock: Clock,
  ended: Promise<unknown>,
): Promise<void> {
  const over = new AbortController()
  const settled = Promise.allSettled([ended]).then(() => over.abort())
  for (let request = 0; request < MOST_REQUESTS && !over.signal.aborted; request += 1) {
    await requestCancel(client, clock).catch(() => {}) // not taken: the next one may be
    await wait(clock, FIRST_PAUSE_MS * 2 ** request, over.signal).catch(() => {}) // it has ended
  }
  await settled
}

/** A name may stand for several servers: the request belongs to the one that this client is connected to. */
function addressOf(client: pg.Client, host: string): string {
  const { remoteAddress } = driverOf(client).connection.stream as unknown as net.Socket
  return remoteAddress ?? host
}

/** The same by the system's clock, for a client that is held. */
export function cancelRunning(client: pg.Client | pg.PoolClient): Promise<void> {
  return requestCancel(client as pg.Client, systemClock)
}
