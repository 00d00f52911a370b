import type { Queryable } from '../core/index.ts'

/** A setting of the server that is not as PostgreSQL has it. */
export type ServerSetting = {
  readonly name: string
  /** With its unit, as `SHOW` writes it. */
  readonly value: string
  readonly usual: string
  /** configuration file, database, user, session, environment variable. */
  readonly source: string
  readonly needsRestart: boolean
  readonly isPendingRestart: boolean
  readonly means: string
}

/** Settings that somebody has changed, but for what may hold secrets: commands, and options of people's own. Source: pg_settings. */
export async function readServerSettings(db: Queryable): Promise<ServerSetting[]> {
  const { rows } = await db.query<ServerSetting>(`
    SELECT name, current_setting(name) AS value, coalesce(boot_val || coalesce(' ' || unit, ''), '') AS usual, source,
           context = 'postmaster' AS "needsRestart", pending_restart AND source <> 'command line' AS "isPendingRestart", short_desc AS means
      FROM pg_catalog.pg_settings
     WHERE setting IS DISTINCT FROM boot_val AND source NOT IN ('default', 'override', 'client', 'session')
       AND name NOT IN ('primary_conninfo', 'ssl_passphrase_command', 'archive_command', 'restore_command')
       AND (category <> 'Customized Options' OR name LIKE ANY ('{pg\\_%,auto_explain.%,plpgsql.%}'))
     ORDER BY name`)
  return rows
}
