import type pg from 'pg'
import { quoteIdentifier, quoteQualified, SQLSTATE, sqlstateOf } from '../../core/index.ts'
import { schemaOutdated } from '../errors.ts'
import { firstUsed } from './mentions.ts'
import { withDependents } from './affected.ts'
import { type Removed, removedInWords } from './removed.ts'

/** A statement that uses what is to go. */
export interface Use {
  readonly queryId: string
  readonly text: string
  readonly calls: number
  /** What of it. */
  readonly what: string
  /** Since when its count has not been seen to rise. */
  readonly quietSince: Date
}

/** What the statement statistics say. */
export interface Sighting {
  /** False where there are no statistics, or none that say anything. */
  readonly isLooked: boolean
  /** Statements of others whose text this role may not see. */
  readonly hidden: number
  /** From when on the statistics count; null where the extension is too old to say. */
  readonly since: Date | null
  readonly uses: readonly Use[]
}

const NOTHING: Sighting = { isLooked: false, hidden: 0, since: null, uses: [] }

/**
 * Finds statements in pg_stat_statements that use what is to go, and writes down how often they have run: only a
 * second look tells whether they still do.
 */
export async function sightUses(
  client: pg.Client,
  ownSchema: string,
  migrationId: string,
  removed: readonly Removed[],
): Promise<Sighting> {
  if (removed.length === 0) return NOTHING
  const { rows: extension } = await client.query<{ schema: string }>(
    `SELECT n.nspname AS schema FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
      WHERE e.extname = 'pg_stat_statements'`,
  )
  const schema = extension[0]?.schema
  if (schema === undefined) return NOTHING
  const all = await withDependents(client, removed)
  const found = await readStatements(client, schema, all)
  if (found === undefined) return NOTHING
  const used: Omit<Use, 'quietSince'>[] = []
  for (const { queryId, text, calls } of found.statements) {
    const first = await firstUsed(text, all)
    if (first) used.push({ queryId, text, calls, what: removedInWords(first) })
  }
  const quiet = await writeDown(client, ownSchema, migrationId, used)
  return {
    isLooked: true,
    hidden: found.hidden,
    since: found.since,
    uses: used.map((use) => ({ ...use, quietSince: quiet.get(use.queryId) ?? new Date() })),
  }
}

interface Found {
  readonly statements: readonly { readonly queryId: string; readonly text: string; readonly calls: number }[]
  readonly hidden: number
  readonly since: Date | null
}

async function readStatements(
  client: pg.Client,
  schema: string,
  removed: readonly Removed[],
): Promise<Found | undefined> {
  const from = `${quoteIdentifier(schema)}.pg_stat_statements`
  const here = 'dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())'
  try {
    const { rows: statements } = await client.query<Found['statements'][number]>(
      `SELECT queryid::text AS "queryId", min(query) AS text, sum(calls)::float8 AS calls FROM ${from}
        WHERE ${here} AND EXISTS (SELECT FROM unnest($1::text[]) AS word WHERE position(lower(word) IN lower(query)) > 0)
          AND queryid IS NOT NULL GROUP BY queryid`,
      // Of a column the table: `SELECT *` does not name the column.
      [removed.flatMap(({ name }) => [name, name.replaceAll('"', '""')])],
    )
    const info = `${quoteIdentifier(schema)}.pg_stat_statements_info`
    const { rows: known } = await client.query<{ there: boolean }>(
      // Of the extension itself: what else has the name is somebody's.
      `SELECT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
         WHERE d.classid = 'pg_class'::regclass AND d.objid = to_regclass($1)::oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'pg_stat_statements') AS there`,
      [info],
    )
    const since = known[0]?.there === true ? `(SELECT stats_reset FROM ${info})` : 'NULL::timestamptz'
    const { rows: others } = await client.query<{ hidden: number; since: Date | null }>(
      `SELECT (SELECT count(*)::int FROM ${from} WHERE ${here} AND queryid IS NULL) AS hidden, ${since} AS since`,
    )
    return { statements, ...(others[0] as { hidden: number; since: Date | null }) }
  } catch (error) {
    // The extension is made and its library is not loaded; or this role may not read it.
    const sqlstate = sqlstateOf(error)
    if (sqlstate === SQLSTATE.objectNotInPrerequisiteState || sqlstate === SQLSTATE.insufficientPrivilege)
      return undefined
    throw error
  }
}

/** @returns since when each count has been what it is */
async function writeDown(
  client: pg.Client,
  ownSchema: string,
  migrationId: string,
  uses: readonly Pick<Use, 'queryId' | 'calls'>[],
): Promise<Map<string, Date>> {
  try {
    const { rows } = await client.query<{ queryId: string; changedAt: Date }>(
      `INSERT INTO ${quoteQualified(ownSchema, 'contract_uses')} AS known (migration_id, query_id, calls)
       SELECT $1, * FROM unnest($2::bigint[], $3::bigint[])
       ON CONFLICT (migration_id, query_id) DO UPDATE
          SET calls = excluded.calls,
              changed_at = CASE WHEN known.calls = excluded.calls THEN known.changed_at ELSE now() END
       RETURNING query_id::text AS "queryId", changed_at AS "changedAt"`,
      [migrationId, uses.map(({ queryId }) => queryId), uses.map(({ calls }) => calls)],
    )
    return new Map(rows.map(({ queryId, changedAt }) => [queryId, changedAt]))
  } catch (error) {
    if (sqlstateOf(error) === SQLSTATE.undefinedTable) throw schemaOutdated(ownSchema)
    throw error
  }
}

/** The contract is in force: nobody waits for its uses any more. */
export async function forgetUses(client: pg.Client, ownSchema: string, migrationId: string): Promise<void> {
  const table = quoteQualified(ownSchema, 'contract_uses')
  await client
    .query(`DELETE FROM ${table} WHERE migration_id = $1`, [migrationId])
    .catch((error: unknown) => {
      // A schema of an older version, which a run that does not look does not need to be newer.
      if (sqlstateOf(error) !== SQLSTATE.undefinedTable) throw error
    })
}
