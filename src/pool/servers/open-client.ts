import pg from 'pg'
import { messageOf } from '../../core/index.ts'
import { noServerFits } from '../errors.ts'
import { fits, readRole, type Role, ROLE_COLUMNS, roleInWords } from './role.ts'
import { listServers } from './server-list.ts'
import { asksForOtherWay, type Ways, waysToConnect } from './tls.ts'

/** How long one attempt may take; one of several hosts must not hold up the others. */
const LIMIT_MS = 10_000
const HOST_LIMIT_MS = 2_000

/**
 * One connection of one's own, outside any pool: for locks and migrations. Where the configuration names several
 * hosts, to the one that takes writes.
 *
 * @param errorListener is told when the connection is lost; whatever runs on it learns it from its own query.
 * @throws the driver's error; HF_CONNECT_NO_SERVER when there are several hosts and none will do.
 */
export async function openClient(
  config: pg.ClientConfig,
  errorListener: (error: Error) => void = () => {},
): Promise<pg.Client> {
  const addresses = listServers(config)
  const { connectionTimeoutMillis = LIMIT_MS } = config
  const limitMs =
    addresses.length > 1 ? Math.min(connectionTimeoutMillis, HOST_LIMIT_MS) : connectionTimeoutMillis
  const tried: { name: string; problem: string }[] = []
  let last: unknown
  for (const address of addresses) {
    const { name } = address
    const client = { ...address.client, connectionTimeoutMillis: limitMs }
    try {
      const found = await connectSomeWay(waysToConnect({ ...address, client }), errorListener)
      const role = addresses.length > 1 ? await askRole(found) : undefined
      if (!role || fits('read-write', role)) return found
      tried.push({ name, problem: roleInWords(role) })
      await found.end().catch(() => {})
    } catch (error) {
      if (addresses.length === 1) throw error
      last = error
      tried.push({ name, problem: messageOf(error) })
    }
  }
  throw noServerFits('read-write', tried, last)
}

async function connectSomeWay(
  [way, ...others]: Ways,
  errorListener: (error: Error) => void,
): Promise<pg.Client> {
  const client = new pg.Client(way)
  client.on('error', errorListener)
  try {
    await client.connect()
    return client
  } catch (error) {
    const [other] = others
    if (other && asksForOtherWay(error)) return connectSomeWay([other], errorListener)
    throw error
  }
}

async function askRole(client: pg.Client): Promise<Role> {
  const { rows } = await client.query<{ standby: boolean; readOnly: boolean }>(`SELECT ${ROLE_COLUMNS}`)
  return readRole(rows[0])
}
