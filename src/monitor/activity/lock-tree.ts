import type { Queryable } from '../../core/index.ts'
import { asSession, SESSION_COLUMNS, type SessionPicture } from './sessions.ts'

/** A session that others wait for, or that waits; with those that wait for it. */
export interface LockNode {
  /** Null: a prepared transaction, which no session runs. */
  readonly session: SessionPicture | null
  /** What it waits for; null at the root of a tree. */
  readonly wants: {
    /** Mode of the lock: `RowExclusiveLock`. */
    readonly mode: string
    /** The table or index, schema-qualified; another kind of thing by its name: `transactionid`. */
    readonly on: string
    readonly seconds: number
  } | null
  /** Those who wait for this one, the longest first. */
  readonly waiting: readonly LockNode[]
  /** How many wait for it, at whatever remove. */
  readonly count: number
}

type Wait = {
  readonly pid: number
  readonly mode: string
  readonly on: string
  readonly seconds: number
  readonly blockers: number[]
}

const WAITS = `
  SELECT DISTINCT ON (l.pid) l.pid, l.mode, CASE WHEN c.oid IS NULL THEN l.locktype ELSE format('%I.%I', n.nspname, c.relname) END AS "on",
         coalesce(extract(epoch FROM clock_timestamp() - l.waitstart), 0)::float8 AS seconds, pg_catalog.pg_blocking_pids(l.pid) AS blockers
    FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
    LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE NOT l.granted AND a.datname = current_database()
   ORDER BY l.pid, l.waitstart`

/**
 * Who waits for whom, as trees: at the roots those who wait for nobody themselves. A session that waits for several stands below the
 * first of them. Those of a deadlock, which PostgreSQL ends by itself, have the one with the lowest pid for their root.
 */
export async function readLockTree(db: Queryable): Promise<LockNode[]> {
  const { rows: waits } = await db.query<Wait>(WAITS)
  if (waits.length === 0) return []
  const pids = [...new Set(waits.flatMap(({ pid, blockers }) => [pid, ...blockers]))]
  const { rows } = await db.query<Parameters<typeof asSession>[0] & Record<string, unknown>>(
    `SELECT ${SESSION_COLUMNS} FROM pg_catalog.pg_stat_activity a WHERE a.pid = ANY ($1)`,
    [pids],
  )
  const sessions = new Map(rows.map((row) => [row.pid, asSession(row)]))
  return treesOf(waits, sessions)
}

/** Pure. */
export function treesOf(waits: readonly Wait[], sessions: ReadonlyMap<number, SessionPicture>): LockNode[] {
  const placed = new Set<number>()
  const node = (pid: number, wait: Wait | undefined): LockNode => {
    placed.add(pid)
    const waiting = waits
      .filter((one) => one.blockers.includes(pid) && !placed.has(one.pid))
      .toSorted((a, b) => b.seconds - a.seconds)
      .flatMap((one) => (placed.has(one.pid) ? [] : [node(one.pid, one)]))
    return {
      session: sessions.get(pid) ?? null,
      wants: wait ? { mode: wait.mode, on: wait.on, seconds: wait.seconds } : null,
      waiting,
      count: waiting.reduce((sum, one) => sum + 1 + one.count, 0),
    }
  }
  const waiters = new Set(waits.map(({ pid }) => pid))
  const roots = [...new Set(waits.flatMap(({ blockers }) => blockers))].filter((pid) => !waiters.has(pid))
  const trees = roots.map((pid) => node(pid, undefined))
  // What is left waits in a circle.
  for (const { pid } of waits.toSorted((a, b) => a.pid - b.pid))
    if (!placed.has(pid))
      trees.push(
        node(
          pid,
          waits.find((one) => one.pid === pid),
        ),
      )
  return trees.toSorted((a, b) => b.count - a.count)
}

/** A node of the trees with its place: below which session, and how deep. */
export interface LockLine extends Omit<LockNode, 'waiting'> {
  readonly depth: number
  /** Whom it waits for; null at a root. */
  readonly behind: number | null
}

/** The trees as lines from top to bottom. */
export function linesOf(trees: readonly LockNode[], depth = 0, behind: number | null = null): LockLine[] {
  return trees.flatMap(({ waiting, ...node }) => [
    { ...node, depth, behind },
    ...linesOf(waiting, depth + 1, node.session?.pid ?? null),
  ])
}
