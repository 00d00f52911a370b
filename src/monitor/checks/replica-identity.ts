import { MOST_TOLD, PEOPLES_RELATION } from '../relations.ts'
import type { Check } from '../finding.ts'

/** Published tables whose rows cannot be named to a subscriber. */
export const replicaIdentity: Check = {
  id: 'replica-identity',
  category: 'replication',
  good: 'rows of every published table can be named to subscribers',
  why: 'PostgreSQL refuses UPDATE and DELETE on a published table whose rows it cannot name.',
  run: async ({ db }) => {
    const { rows } = await db.query<{ table: string; publications: string[] }>(`
      SELECT format('%I.%I', n.nspname, c.relname) AS "table", array_agg(DISTINCT p.pubname::text) AS publications
        FROM pg_catalog.pg_publication p CROSS JOIN LATERAL pg_get_publication_tables(p.pubname) t
        JOIN pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE (p.pubupdate OR p.pubdelete) AND ${PEOPLES_RELATION}
         AND (c.relreplident = 'n'
           OR c.relreplident = 'd' AND NOT EXISTS (SELECT FROM pg_catalog.pg_index x WHERE x.indrelid = c.oid AND x.indisprimary)
           OR c.relreplident = 'i' AND NOT EXISTS (SELECT FROM pg_catalog.pg_index x WHERE x.indrelid = c.oid AND x.indisreplident))
       GROUP BY 1 ORDER BY 1 LIMIT ${MOST_TOLD}`)
    return rows.map(({ table, publications }) => ({
      severity: 'error' as const,
      subject: table,
      message: `UPDATE and DELETE of ${table} fail: it is published, and has no replica identity.`,
      evidence: { publications },
      action: 'Give it a primary key; or, where there is none to be had, send whole rows:',
      sql: `ALTER TABLE ${table} REPLICA IDENTITY FULL;`,
    }))
  },
}
