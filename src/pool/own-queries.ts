import { OWN_PATH, type Queryable, type QueryResultRow } from '../core/index.ts'
import type { Pool } from './pool.ts'

/**
 * Runs SQL of Holdfast's own on the service's pool: each statement in a transaction that has nothing but the catalog in its path,
 * so that no function or operator of another role is called for one of PostgreSQL's, and nothing of it stays with the connection.
 */
export const ownQueries = (pool: Pool): Queryable => ({
  async query<Row extends QueryResultRow>(text: string, values?: unknown[]) {
    using client = await pool.connect()
    await client.query(`BEGIN; SET LOCAL search_path = ${OWN_PATH}`)
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
