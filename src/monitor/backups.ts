import type { Queryable } from '../core/index.ts'

/** What a server knows itself of the backups that were taken of it. */
export type BackupTrace = {
  /** When the newest base backup ended; null where none is known. */
  readonly endedAt: Date | null
  /** Since when this server takes writes: since it was made, or promoted. */
  readonly writesSince: Date
  /** Since the newest base backup ended, or since this server takes writes, whichever is later. */
  readonly ageSeconds: number
}

/** Roles of providers, who copy the disk: the server hears nothing of it. */
const PROVIDERS = [
  'rds_superuser',
  'cloudsqlsuperuser',
  'alloydbsuperuser',
  'azure_pg_admin',
  'neon_superuser',
]

type Sight = { readonly archives: boolean; readonly may: boolean }

/** Whether anything would be told, and whether this role may read it. */
async function readSight(db: Queryable): Promise<Sight> {
  const { rows } = await db.query<Sight>(
    `SELECT current_setting('archive_mode') <> 'off' AND NOT pg_is_in_recovery()
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ANY ($1)) AS archives,
            has_function_privilege('pg_catalog.pg_ls_waldir()', 'EXECUTE') AS may`,
    [PROVIDERS],
  )
  return rows[0] as Sight
}

/** Whether there is a trace of backups that this role may not see. */
export async function isTraceHidden(db: Queryable): Promise<boolean> {
  const { archives, may } = await readSight(db)
  return archives && !may
}

/**
 * Whatever tool takes a base backup of a primary that archives its log: the end of it leaves a history file beside the log, which
 * stays until the next one. The file says when; the oldest thing that could be backed up is as old as the cluster or its promotion.
 *
 * @returns undefined where nothing is told: no log is archived, this is a standby, a provider copies its disk, or the role may not look
 */
export async function readBackupTrace(db: Queryable): Promise<BackupTrace | undefined> {
  const { archives, may } = await readSight(db)
  if (!archives || !may) return undefined
  const { rows } = await db.query<BackupTrace>(`
    WITH seen AS (
      SELECT max(modification) FILTER (WHERE name ~ '\\.backup$') AS ended,
             max(modification) FILTER (WHERE name ~ '^[0-9A-F]{8}\\.history$') AS promoted,
             -- The upper half of the identifier is the second in which the cluster was made.
             to_timestamp(((SELECT system_identifier FROM pg_catalog.pg_control_system()) >> 32)::float8) AS made
        FROM pg_catalog.pg_ls_waldir())
    SELECT ended AS "endedAt", coalesce(promoted, made) AS "writesSince",
           -- What a standby keeps of an earlier life as a primary is not what its successor was backed up by.
           extract(epoch FROM greatest(now() - greatest(coalesce(ended, made), promoted), '0'))::float8 AS "ageSeconds"
      FROM seen`)
  return rows[0]
}
