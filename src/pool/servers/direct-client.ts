import type pg from 'pg'
import { NAMED_RELATIONS, type NamedRelation, OWN_PATH, systemClock, within } from '../../core/index.ts'
import { connectFailure } from '../connect-failure.ts'
import { transactionPooler } from '../errors.ts'
import { schemaChanged } from '../wire/schema-epoch.ts'
import { cutWhenEnded } from './endable.ts'
import { openClient } from './open-client.ts'

const LIMIT_MS = 10_000

/**
 * One direct connection, under the name by which its session is seen, with nothing but the catalog in its search path.
 * @throws HF_CONNECT_*, HF_CONNECT_POOLER where sessions are handed around between transactions
 */
export async function connectDirectly(url: string, name: string): Promise<pg.Client> {
  const client = await open(url, name)
  try {
    // A pooler tells its client a process id of its own making.
    const isServer = (client as { processID?: number }).processID === (await backendPid(client))
    if (!isServer && (await isHandedAround(client, url))) throw transactionPooler()
    await toOwnPath(client)
    cutWhenEnded(client)
    return client
  } catch (error) {
    await client.end().catch(() => {}) // it is lost already: there is nothing left to close
    throw connectFailure(error, url)
  }
}

/**
 * The same for as long as `work` takes. What it did may have changed tables: the pools of this process prepare their statements afresh.
 * @throws HF_CONNECT_*, and what `work` throws
 */
export async function withDirectClient<T>(
  url: string,
  name: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  try {
    return await connected(url, name, work)
  } finally {
    schemaChanged()
  }
}

async function connected<T>(url: string, name: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connectDirectly(url, name)
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => {}) // it is lost already: there is nothing left to close
  }
}

/** How long a reading session waits for somebody's lock, and for an answer. */
const READING_LOCK_MS = 5_000
const READING_STATEMENT_MS = 60_000

/**
 * The same for what only reads, with an end: whoever locks a table of theirs holds nobody up for longer.
 * @throws HF_CONNECT_*, what `work` throws; the server's 55P03 or 57014 when it took too long
 */
export function withReadingClient<T>(
  url: string,
  name: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  return connected(url, name, async (client) => {
    await client.query(
      `SET lock_timeout = ${READING_LOCK_MS}; SET statement_timeout = ${READING_STATEMENT_MS}`,
    )
    return work(client)
  })
}

/** Nothing but the catalog in the path, from here on. */
async function toOwnPath(client: pg.Client): Promise<void> {
  await client.query(`SET search_path = ${OWN_PATH}`)
}

/** Runs `work` with the path that the role, the database or the address set: for SQL of the user's, and the names in it. */
export async function withUsersPath<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query('SET search_path TO DEFAULT')
  try {
    return await work()
  } finally {
    await toOwnPath(client).catch(() => {}) // in a transaction that failed, which takes it back by itself; or lost
  }
}

/** The relation that a name means by the path that the session came with. @throws the server's 42602 for what is no name */
export async function relationNamed(client: pg.Client, name: string): Promise<NamedRelation | undefined> {
  const { rows } = await withUsersPath(client, () =>
    client.query<{ [Key in keyof NamedRelation]: NamedRelation[Key] | null }>(NAMED_RELATIONS, [[name]]),
  )
  return rows[0]?.oid == null ? undefined : (rows[0] as NamedRelation)
}

const TRIES = 3
const PROBE_LIMIT_MS = 2_000

/** Whether sessions are handed around shows when a second client meets what the first one set. */
async function isHandedAround(client: pg.Client, url: string): Promise<boolean> {
  const pid = await backendPid(client)
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const token = `${process.pid}.${attempt}.${Math.random()}`
    await client.query(`SELECT pg_catalog.set_config('holdfast.probe', $1, false)`, [token])
    const isShared = await meets(url, token)
    const isSame = (await backendPid(client)) === pid
    await client.query('RESET holdfast.probe').catch(() => {}) // on another session there is nothing to reset
    if (isShared || !isSame) return true
  }
  return false
}

async function backendPid(client: pg.Client): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_catalog.pg_backend_pid() AS pid')
  return rows[0]?.pid
}

/** Whether another client is given the session on which `token` was set. */
async function meets(url: string, token: string): Promise<boolean> {
  const probing = (async () => {
    const other = await open(url, 'holdfast probe')
    try {
      const { rows } = await other.query<{ token: string | null }>(
        `SELECT pg_catalog.current_setting('holdfast.probe', true) AS token`,
      )
      return rows[0]?.token === token
    } finally {
      void other.end().catch(() => {})
    }
  })()
  // Where sessions are kept apart and there is no second one to be had, the other client waits for ever.
  return within(systemClock, PROBE_LIMIT_MS, probing, () => new Error('no answer')).catch(() => false)
}

function open(url: string, name: string): Promise<pg.Client> {
  const config = { application_name: name, connectionTimeoutMillis: LIMIT_MS, keepAlive: true }
  return openClient({ connectionString: url, ...config }).catch((error: unknown) => {
    throw connectFailure(error, url)
  })
}
