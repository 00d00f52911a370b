import { type Queryable, SQLSTATE, sqlstateOf } from '../../core/index.ts'

/** What one statement did: since its first run, or within a window. */
export interface StatementTotals {
  readonly calls: number
  readonly totalMs: number
  readonly rows: number
  /** Blocks of 8 KiB found in shared buffers. */
  readonly blocksHit: number
  /** Blocks asked of the operating system. */
  readonly blocksRead: number
  /** Blocks of temporary files, read and written. */
  readonly tempBlocks: number
  readonly walBytes: number
  /** Time spent reading and writing blocks; 0 unless track_io_timing is on. */
  readonly ioMs: number
}

/** Running totals at one moment, by entry: one statement has one for each user, and for being nested or not. */
export interface StatementReading {
  /** When the statistics were last reset, in milliseconds since 1970; null where the extension does not tell. */
  readonly resetAtMs: number | null
  readonly entries: ReadonlyMap<string, StatementEntry>
}

/** One row of pg_stat_statements. */
export interface StatementEntry extends StatementTotals {
  /** PostgreSQL's queryid; null where this role may not know. */
  readonly id: string | null
  /** Since when it counts, in milliseconds since 1970; null before version 1.11 of the extension, and where there is no id. */
  readonly sinceMs: number | null
}

export const NOTHING: StatementTotals = {
  calls: 0,
  totalMs: 0,
  rows: 0,
  blocksHit: 0,
  blocksRead: 0,
  tempBlocks: 0,
  walBytes: 0,
  ioMs: 0,
}

const FIGURES = Object.keys(NOTHING) as (keyof StatementTotals)[]

/** The columns of figures that have not always been called the same. @param version of the extension: 1.11 is 111 */
function changingColumns(version: number): { io: string; since: string } {
  const blocks =
    version >= 111 ? 'shared_blk_read_time + shared_blk_write_time' : 'blk_read_time + blk_write_time'
  return {
    io: version >= 110 ? `${blocks} + temp_blk_read_time + temp_blk_write_time` : blocks,
    since: version >= 111 ? 'extract(epoch FROM stats_since) * 1000' : 'NULL',
  }
}

/**
 * Running totals of this database's statements, all of them: a limit would make differences between two readings
 * wrong. Without texts, which lie in a file whose reading is the real cost.
 */
export async function readStatements(
  db: Queryable,
  { schema, version }: { readonly schema: string; readonly version: number },
): Promise<StatementReading> {
  // The view came with version 1.9; before, a relation of that name is somebody's.
  const resetAtMs = version >= 109 ? await readReset(db, schema) : null
  const { io, since } = changingColumns(version)
  // As they are: a cast of each figure would take a sixth of the time.
  const { rows } = await db.query<Row>(`
    SELECT queryid AS id, userid AS "user", ${version >= 109 ? 'NOT toplevel' : 'false'} AS "isNested", calls,
           total_exec_time AS "totalMs", rows, shared_blks_hit AS "blocksHit", shared_blks_read AS "blocksRead",
           temp_blks_read + temp_blks_written AS "tempBlocks", wal_bytes AS "walBytes", ${io} AS "ioMs", ${since} AS "sinceMs"
      FROM ${schema}.pg_stat_statements(false)
     WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())`)
  const entries = new Map<string, StatementEntry>()
  for (const row of rows) {
    const { id, sinceMs } = row
    const entry = {
      ...figuresOf((name) => Number(row[name])),
      id,
      sinceMs: sinceMs === null ? null : Number(sinceMs),
    }
    const key = `${id ?? '?'}/${row.user}/${row.isNested ? 'nested' : ''}`
    const known = entries.get(key) // of what this role may not tell apart there are many
    const all = known ? { ...entry, ...plus(known, entry) } : entry
    entries.set(key, id === null ? { ...all, sinceMs: null } : all)
  }
  return { resetAtMs, entries }
}

/** Large integers come as text. */
type Row = { id: string | null; user: number; isNested: boolean; sinceMs: string | null } & Record<
  keyof StatementTotals,
  number | string
>

async function readReset(db: Queryable, schema: string): Promise<number | null> {
  try {
    const { rows } = await db.query<{ at: Date | null }>(
      `SELECT stats_reset AS at FROM ${schema}.pg_stat_statements_info`,
    )
    return rows[0]?.at?.getTime() ?? null
  } catch (error) {
    if (sqlstateOf(error) === SQLSTATE.undefinedTable) return null // it came with version 1.9
    throw error
  }
}

export function plus(a: StatementTotals, b: StatementTotals): StatementTotals {
  return figuresOf((name) => a[name] + b[name])
}

/** All of them added up. */
export const sumOfStatements = (all: Iterable<StatementTotals>): StatementTotals =>
  [...all].reduce(plus, NOTHING)

function figuresOf(figure: (name: keyof StatementTotals) => number): StatementTotals {
  return Object.fromEntries(FIGURES.map((name) => [name, figure(name)])) as Record<
    keyof StatementTotals,
    number
  >
}

/** What each statement did between two readings; those that did not run are left out. */
export function growthOf(
  before: StatementReading,
  after: StatementReading,
): Map<string | null, StatementTotals> {
  const uses = new Map<string | null, StatementTotals>()
  const wasReset = after.resetAtMs !== before.resetAtMs
  for (const [key, entry] of after.entries) {
    const use = grownBy(entry, wasReset ? undefined : before.entries.get(key))
    if (use.calls > 0) uses.set(entry.id, plus(uses.get(entry.id) ?? NOTHING, use))
  }
  return uses
}

/**
 * An entry that went back, or that counts since later, was evicted or reset, and came back: it began at nothing. What this role may
 * not tell apart is many entries in one, of which some may have gone: how much the others grew is not known then.
 */
function grownBy(now: StatementEntry, before: StatementEntry | undefined): StatementTotals {
  if (!before || now.sinceMs !== before.sinceMs) return now
  const hasGoneBack = now.calls < before.calls || now.totalMs < before.totalMs || now.rows < before.rows
  if (hasGoneBack) return now.id === null ? NOTHING : now
  return figuresOf((name) => now[name] - before[name])
}
