import { type Queryable, quoteIdentifier, quoteLiteral, quoteQualified } from '../../core/index.ts'

/** The table that remembers what ran. Beside it lies `<table>_steps`: how far a run without transaction is. */
export interface HistoryTable {
  readonly schema: string
  readonly table: string
}

/** Column, definition, meaning: one place for a table and its comments. */
type Columns = readonly (readonly [name: string, definition: string, meaning: string])[]

const HISTORY_COLUMNS: Columns = [
  ['seq', 'bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY', 'Order of the attempts'],
  ['migration_id', 'text NOT NULL', 'Name of the migration folder'],
  ['checksum', 'text NOT NULL', 'SHA-256 of what ran with line ends as LF, hexadecimal'],
  ['direction', "text NOT NULL CHECK (direction IN ('up', 'down'))", 'up applies, down takes back'],
  ['status', "text NOT NULL CHECK (status IN ('applied', 'failed'))", 'How the attempt ended'],
  ['started_at', 'timestamptz NOT NULL', 'Begin of the first try'],
  ['finished_at', 'timestamptz NOT NULL', 'End of the last try'],
  ['duration_ms', 'double precision NOT NULL', 'Time from begin to end in milliseconds'],
  ['database_user', 'text NOT NULL DEFAULT current_user', 'Database role that ran it'],
  ['os_user', 'text NOT NULL', 'Operating system user, or the actor that CI names'],
  ['host', 'text NOT NULL', 'Machine that ran it'],
  ['tool_version', 'text NOT NULL', 'Version of Holdfast'],
  ['git_commit', 'text', 'Commit of the working copy, if it is one'],
  ['statements', "jsonb NOT NULL DEFAULT '[]'", 'Per statement: line, hash, durationMs, rows'],
  ['retries', 'integer NOT NULL DEFAULT 0', 'Tries that gave way because a lock was not free'],
  ['error', 'text', 'Why it failed'],
  ['failed_line', 'integer', 'Line of the statement that failed'],
  ['failed_statement', 'text', 'The statement that failed, with $1 for values'],
  [
    'method',
    "text NOT NULL DEFAULT 'run' CHECK (method IN ('run', 'stamp', 'baseline', 'squash', 'repair', 'import'))",
    'run: its statements were run; anything else: it was only written down',
  ],
  ['reason', 'text', 'Why it was only written down'],
]

const STEP_COLUMNS: Columns = [
  ['migration_id', 'text NOT NULL', 'Name of the migration folder'],
  ['direction', "text NOT NULL CHECK (direction IN ('up', 'down'))", 'up applies, down takes back'],
  ['step', 'integer NOT NULL', 'Number of the statement, counted from 1'],
  ['line', 'integer NOT NULL', 'Line where it begins'],
  ['hash', 'text NOT NULL', 'First 16 digits of the SHA-256 of the statement'],
  ['kind', 'text NOT NULL', 'What kind of statement it is'],
  ['state', "text NOT NULL CHECK (state IN ('begun', 'done'))", 'begun: sent, outcome not yet known'],
  ['began_at', 'timestamptz NOT NULL DEFAULT clock_timestamp()', 'When it was sent'],
  ['duration_ms', 'double precision', 'Time it took in milliseconds'],
  ['rows', 'bigint', 'Rows it touched, as the server told'],
]

/** Name of the table of steps that belongs to a history. */
export const stepsTable = ({ schema, table }: HistoryTable): string =>
  quoteQualified(schema, `${table}_steps`)

/** Makes both tables, or brings those of an older version up to date. Takes no lock where nothing is to do. */
export async function ensureHistory(db: Queryable, history: HistoryTable): Promise<void> {
  await ensureTable(
    db,
    history.schema,
    history.table,
    HISTORY_COLUMNS,
    'Every attempt to run a migration; append-only',
  )
  await ensureTable(
    db,
    history.schema,
    `${history.table}_steps`,
    STEP_COLUMNS,
    'Migrations without transaction that are on their way: a row for each statement that was begun',
    'PRIMARY KEY (migration_id, direction, step)',
  )
  const index = quoteIdentifier(`${history.table}_migration_id`)
  const isThere = await columnsOf(db, history.schema, `${history.table}_migration_id`)
  if (isThere.size === 0)
    await db.query(
      `CREATE INDEX IF NOT EXISTS ${index} ON ${quoteQualified(history.schema, history.table)} (migration_id)`,
    )
}

async function ensureTable(
  db: Queryable,
  schema: string,
  name: string,
  columns: Columns,
  meaning: string,
  constraint?: string,
): Promise<void> {
  const table = quoteQualified(schema, name)
  const there = await columnsOf(db, schema, name)
  const missing = columns.filter(([column]) => !there.has(column))
  if (missing.length === 0) return
  const definitions = missing.map(([column, definition]) => `${column} ${definition}`)
  await db.query(
    there.size === 0
      ? `CREATE TABLE ${table} (${[...definitions, ...(constraint ? [constraint] : [])].join(', ')})`
      : `ALTER TABLE ${table} ${definitions.map((one) => `ADD COLUMN ${one}`).join(', ')}`,
  )
  await db.query(`COMMENT ON TABLE ${table} IS ${quoteLiteral(meaning)}`)
  for (const [column, , what] of missing)
    await db.query(`COMMENT ON COLUMN ${table}.${column} IS ${quoteLiteral(what)}`)
}

/** Names of the columns of a table or index; empty where there is none. */
async function columnsOf(db: Queryable, schema: string, name: string): Promise<Set<string>> {
  const { rows } = await db.query<{ column: string }>(
    `SELECT a.attname AS "column" FROM pg_catalog.pg_attribute a
       JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped`,
    [schema, name],
  )
  return new Set(rows.map(({ column }) => column))
}

/** Whether both tables are there as this version needs them. */
export async function historyState(
  db: Queryable,
  history: HistoryTable,
): Promise<'missing' | 'outdated' | 'current'> {
  const [own, steps] = [
    await columnsOf(db, history.schema, history.table),
    await columnsOf(db, history.schema, `${history.table}_steps`),
  ]
  if (own.size === 0) return 'missing'
  const isWhole =
    HISTORY_COLUMNS.every(([name]) => own.has(name)) && STEP_COLUMNS.every(([name]) => steps.has(name))
  return isWhole ? 'current' : 'outdated'
}
