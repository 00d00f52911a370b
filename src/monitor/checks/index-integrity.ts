import { messageOf, quoteLiteral, SQLSTATE, sqlstateOf } from '../../core/index.ts'
import { PEOPLES_RELATION } from '../relations.ts'
import type { Check, Found } from '../finding.ts'
import { schemaOfExtension } from '../extension-schema.ts'

/** Trees whose order is not what it has to be, as the extension amcheck sees. */
export const indexIntegrity: Check = {
  id: 'index-integrity',
  category: 'indexes',
  scope: 'deep',
  good: 'every index is in order',
  why: 'A query by a damaged index misses rows that are there, and a unique one lets doubles in.',
  run: async ({ db, identity }) => {
    const schema = await schemaOfExtension(db, 'amcheck')
    if (schema === undefined) return [notThere(identity.database)]
    const { rows } = await db.query<{ index: string }>(`
      SELECT format('%I.%I', n.nspname, i.relname) AS index
        FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_am m ON m.oid = i.relam
       WHERE m.amname = 'btree' AND i.relkind = 'i' AND x.indisvalid AND x.indisready AND ${PEOPLES_RELATION} ORDER BY i.relpages, 1`)
    const found: Found[] = []
    for (const { index } of rows) {
      try {
        await db.query(`SELECT ${schema}.bt_index_check(${quoteLiteral(index)}::regclass)`)
      } catch (error) {
        const state = sqlstateOf(error)
        if (state === SQLSTATE.insufficientPrivilege) throw error
        found.push(state === INDEX_CORRUPTED ? damaged(index, error) : notChecked(index, error))
      }
    }
    return found
  },
}

const INDEX_CORRUPTED = 'XX002'

const damaged = (index: string, error: unknown): Found => ({
  severity: 'error',
  subject: index,
  message: `Queries that use ${index} may miss rows: it is damaged.`,
  evidence: { error: messageOf(error) },
  action:
    'Build it anew; where it is unique, look for doubles first. Then find out why: the disk, or a collation that changed.',
  sql: `REINDEX INDEX CONCURRENTLY ${index};`,
})

const notChecked = (index: string, error: unknown): Found => ({
  severity: 'info',
  subject: index,
  message: `Whether ${index} is in order could not be told.`,
  evidence: { sqlstate: sqlstateOf(error) ?? null, error: messageOf(error) },
  action: 'Try again in a quiet hour.',
  sql: null,
})

const notThere = (database: string): Found => ({
  isUntold: true,
  severity: 'info',
  subject: database,
  message: 'Whether indexes are in order cannot be told: the extension amcheck is not there.',
  evidence: { extension: 'amcheck' },
  action: 'Make it, as a superuser:',
  sql: 'CREATE EXTENSION amcheck;',
})
