import { OWN_PATH, type Queryable, type QueryResultRow } from '../core/index.ts'
import type { Pool } from './pool.ts'

/** However long somebody locks a table of ours, a connection of the pool does not wait for it for longer. */
const LOCK_MS = 5_000
const STATEMENT_MS = 60_000

/**
 * Runs SQL of Holdfast's own on the service's pool: each statement in a transaction that has nothing but the catalog in its path,
 * so that no function or operator of another role is called for one of PostgreSQL's, and nothing of it stays with the connection.
 */
export const ownQueries = (pool: Pool): Queryable => ({
  async query<Row extends QueryResultRow>(text: string, values?: unknown[]) {
    using client = await pool.connect()
    await client.query(
      `BEGIN; SET LOCAL search_path = ${OWN_PATH}; SET LOCAL lock_timeout = ${LOCK_MS}; SET LOCAL statement_timeout = ${STATEMENT_MS}`,
    )
    try {
      const result = await client.query<Row>(text, values)
      await client.query('COMMIT')
      return result
    } catch (error) {
      // Why it failed is what counts; a session that cannot even roll back is closed on release.
      await client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
  },
})
