import { MOST_TOLD, PEOPLES_RELATION } from '../relations.ts'
import { type Check, CHANGE, type Found } from '../finding.ts'

/** Autovacuum is on, for the server and for each table. */
export const autovacuum: Check = {
  id: 'autovacuum',
  category: 'storage',
  good: 'autovacuum is on everywhere',
  why: 'Without it dead rows stay, statistics grow old, and transaction ids run out.',
  run: async ({ db, identity }) => {
    const { rows: settings } = await db.query<{ name: string }>(
      `SELECT name FROM pg_catalog.pg_settings WHERE name IN ('autovacuum', 'track_counts') AND setting = 'off' ORDER BY name`,
    )
    const { rows: tables } = await db.query<{ table: string; rows: number | null }>(
      `SELECT format('%I.%I', n.nspname, c.relname) AS "table", nullif(c.reltuples, -1)::float8 AS rows
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'm') AND ${PEOPLES_RELATION}
          AND EXISTS (SELECT FROM pg_options_to_table(c.reloptions) WHERE option_name = 'autovacuum_enabled' AND NOT option_value::boolean)
        ORDER BY c.reltuples DESC, 1 LIMIT ${MOST_TOLD}`,
    )
    return [
      ...settings.map(({ name }): Found => ({
        severity: 'error',
        subject: name,
        message: `Nothing is cleaned up in "${identity.database}" or anywhere on this server: ${name} is off.`,
        evidence: { setting: name, value: 'off' },
        action: CHANGE,
        sql: `ALTER SYSTEM SET ${name} = on;`,
      })),
      ...tables.map(({ table, rows }): Found => ({
        severity: 'warning',
        subject: table,
        message: `${table} is not cleaned up and its statistics grow old: autovacuum is turned off for it.`,
        evidence: { estimated_rows: rows },
        action: 'Turn it on again, unless it is being loaded just now:',
        sql: `ALTER TABLE ${table} RESET (autovacuum_enabled);`,
      })),
    ]
  },
}
