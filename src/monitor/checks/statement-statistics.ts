import { type Queryable, SQLSTATE, sqlstateOf } from '../../core/index.ts'
import type { Check, Finding } from '../finding.ts'

/** pg_stat_statements must be loaded at server start and made in the database. */
export const statementStatistics: Check = {
  id: 'statement-statistics',
  good: 'pg_stat_statements collects statement statistics',
  run: async ({ db, identity }) => {
    const state = await inspect(db)
    if (state === 'collecting') return []
    const finding = {
      check: 'statement-statistics',
      severity: 'warning',
      subject: identity.database,
      message: 'Slow statements cannot be named: pg_stat_statements does not collect.',
      evidence: { state },
    } as const
    const steps: Record<Exclude<typeof state, 'collecting'>, Pick<Finding, 'action' | 'sql'>> = {
      'not created': {
        action: 'Make the extension in this database, as a superuser or its owner.',
        sql: 'CREATE EXTENSION pg_stat_statements;',
      },
      'not loaded': {
        action:
          'Add it to shared_preload_libraries (keep what is there) and restart the server, as a superuser.',
        sql: "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements';",
      },
      'not installed': {
        action:
          "Install the server's contrib package (postgresql-contrib), then load and create the extension.",
        sql: null,
      },
    }
    return [{ ...finding, ...steps[state] }]
  },
}

async function inspect(
  db: Queryable,
): Promise<'collecting' | 'not created' | 'not loaded' | 'not installed'> {
  const { rows } = await db.query<{ available: boolean; schema: string | null }>(`
    SELECT EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'pg_stat_statements') AS available,
           (SELECT format('%I', n.nspname) FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
             WHERE e.extname = 'pg_stat_statements') AS schema`)
  const { available, schema } = rows[0] as { available: boolean; schema: string | null }
  if (!available) return 'not installed'
  if (schema === null) return 'not created'
  try {
    // Without texts: they lie in a file whose reading is the real cost.
    await db.query(`SELECT 1 FROM ${schema}.pg_stat_statements(false) LIMIT 1`)
    return 'collecting'
  } catch (error) {
    if (sqlstateOf(error) === SQLSTATE.objectNotInPrerequisiteState) return 'not loaded'
    // Its schema is closed to this role: it collects all the same.
    if (sqlstateOf(error) === SQLSTATE.insufficientPrivilege) return 'collecting'
    throw error
  }
}
