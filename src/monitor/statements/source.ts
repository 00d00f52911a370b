import { type Queryable, SQLSTATE, sqlstateOf } from '../../core/index.ts'

/** Why statements cannot be told, and what to do about it. */
export interface StatementsUnavailable {
  readonly state: 'not created' | 'not loaded' | 'not installed' | 'outdated' | 'not readable'
  readonly action: string
  readonly sql: string | null
}

/** Where this database's statement statistics are. */
export type StatementSource =
  | {
      readonly state: 'collecting'
      readonly schema: string
      /** Of the extension, as one number: 1.11 is 111. */
      readonly version: number
    }
  | StatementsUnavailable

const REMEDIES: Readonly<Record<StatementsUnavailable['state'], Omit<StatementsUnavailable, 'state'>>> = {
  'not created': {
    action: 'Make the extension in this database, as a superuser or its owner.',
    sql: 'CREATE EXTENSION pg_stat_statements;',
  },
  'not loaded': {
    action: 'Add it to shared_preload_libraries (keep what is there) and restart the server, as a superuser.',
    sql: null,
  },
  'not installed': {
    action: "Install the server's contrib package (postgresql-contrib), then load and create the extension.",
    sql: null,
  },
  outdated: {
    action: 'The extension is of an older server: bring it up to date, as its owner.',
    sql: 'ALTER EXTENSION pg_stat_statements UPDATE;',
  },
  'not readable': {
    action: "Let this role use the extension's schema, as its owner.",
    sql: null,
  },
}

type Extension = {
  readonly available: boolean
  readonly schema: string | null
  readonly version: number | null
  readonly user: string
  /** Null where this role may not know. */
  readonly preloaded: string | null
}

/** With what is there already; each name is quoted by itself. */
const preloading = (preloaded: string): string =>
  `ALTER SYSTEM SET shared_preload_libraries = ${[...preloaded.split(','), 'pg_stat_statements']
    .map((name) => name.trim().replaceAll('"', ''))
    .filter((name) => name !== '')
    .map((name) => `'${name}'`)
    .join(', ')};`

/** Finds out by asking: without texts, which lie in a file whose reading is the real cost. */
export async function findStatementSource(db: Queryable): Promise<StatementSource> {
  const { rows } = await db.query<Extension>(`
    SELECT EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'pg_stat_statements') AS available,
           (SELECT format('%I', n.nspname) FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
             WHERE e.extname = 'pg_stat_statements') AS schema,
           (SELECT split_part(extversion, '.', 1)::int * 100 + split_part(extversion, '.', 2)::int FROM pg_catalog.pg_extension
             WHERE extname = 'pg_stat_statements') AS version,
           format('%I', current_user) AS "user", (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'shared_preload_libraries') AS preloaded`)
  const { available, schema, version, user, preloaded } = rows[0] as Extension
  const unavailable = (state: StatementsUnavailable['state']): StatementsUnavailable => ({
    state,
    ...REMEDIES[state],
  })
  if (!available) return unavailable('not installed')
  if (schema === null || version === null) return unavailable('not created')
  try {
    await db.query(`SELECT total_exec_time FROM ${schema}.pg_stat_statements(false) LIMIT 1`)
    return { state: 'collecting', schema, version }
  } catch (error) {
    switch (sqlstateOf(error)) {
      case SQLSTATE.objectNotInPrerequisiteState:
        return { ...unavailable('not loaded'), sql: preloaded === null ? null : preloading(preloaded) }
      case SQLSTATE.undefinedColumn:
        return unavailable('outdated') // before 1.8 the column was called total_time
      case SQLSTATE.insufficientPrivilege:
        return { ...unavailable('not readable'), sql: `GRANT USAGE ON SCHEMA ${schema} TO ${user};` }
      default:
        throw error
    }
  }
}
