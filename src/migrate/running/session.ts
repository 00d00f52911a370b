import type pg from 'pg'
import { systemClock, within } from '../../core/index.ts'
import { connectDirectly, withDirectClient } from '../../pool/index.ts'
import { pooler } from '../errors.ts'
import type { HistoryTable } from '../history/tables.ts'

/** Where migrations come from, where they go, where they are remembered. */
export interface MigrateTarget {
  /** A direct way to the server: a transaction pooler breaks the runner's lock. */
  readonly url: string
  readonly directory: string
  readonly history: HistoryTable
  /** Set as `search_path` of each migration: for Holdfast's own schema, whose name is an option. */
  readonly searchPath?: string
}

const NAME = 'holdfast migrate'

/** Opens one direct connection for `work` and closes it. @throws HF_CONNECT_* */
export const withClient = <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> =>
  withDirectClient(url, NAME, work)

const TRIES = 3
const PROBE_LIMIT_MS = 2_000

/**
 * Refuses a pooler that hands the server's sessions around between statements. A pooler tells its client a process
 * id of its own making; whether sessions are handed around shows when a second client meets what the first one set.
 *
 * @throws HF_MIGRATE_POOLER
 */
export async function refuseTransactionPooler(client: pg.Client, url: string): Promise<void> {
  const pid = await backendPid(client)
  if ((client as { processID?: number }).processID === pid) return
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const token = `${process.pid}.${attempt}.${Math.random()}`
    await client.query(`SELECT set_config('holdfast.probe', $1, false)`, [token])
    const isShared = await meets(url, token)
    const isSame = (await backendPid(client)) === pid
    await client.query('RESET holdfast.probe').catch(() => {}) // on another session there is nothing to reset
    if (isShared || !isSame) throw pooler()
  }
}

async function backendPid(client: pg.Client): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return rows[0]?.pid
}

/** Whether another client is given the session on which `token` was set. */
async function meets(url: string, token: string): Promise<boolean> {
  const probing = (async () => {
    const other = await connectDirectly(url, NAME)
    try {
      const { rows } = await other.query<{ token: string | null }>(
        `SELECT current_setting('holdfast.probe', true) AS token`,
      )
      return rows[0]?.token === token
    } finally {
      void other.end().catch(() => {})
    }
  })()
  // Where sessions are kept apart and there is no second one to be had, the other client waits for ever.
  return within(systemClock, PROBE_LIMIT_MS, probing, () => new Error('no answer')).catch(() => false)
}
