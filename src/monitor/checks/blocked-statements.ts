import type { Check, Found } from '../finding.ts'

/** Waits below this are everyday life between two writers. */
const SHORTEST_SECONDS = 1
const ERROR_SECONDS = 30
const MOST_TOLD = 5

type Blocker = {
  readonly pid: number
  readonly user: string
  readonly application: string
  readonly state: string
  readonly waiting: number
  readonly seconds: number
}

/**
 * Sessions that others wait for and that wait for nobody themselves: the roots of the lock queues. Pid 0 stands for
 * prepared transactions. Statement texts stay out: those of running statements hold values.
 */
const ROOTS = `
  WITH RECURSIVE waiting AS (
    SELECT l.pid, min(l.waitstart) AS since, pg_catalog.pg_blocking_pids(l.pid) AS blockers
      FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
     WHERE NOT l.granted AND l.waitstart < clock_timestamp() - make_interval(secs => $1) AND a.datname = current_database()
     GROUP BY l.pid
  ), chain AS (
    SELECT w.pid AS waiter, b.pid AS blocker FROM waiting w CROSS JOIN unnest(w.blockers) AS b (pid)
    UNION
    SELECT c.waiter, b.pid FROM chain c JOIN waiting w ON w.pid = c.blocker CROSS JOIN unnest(w.blockers) AS b (pid)
  )
  SELECT c.blocker AS pid, coalesce(a.usename, '') AS "user", coalesce(a.application_name, '') AS application,
         coalesce(a.state, 'hidden') AS state, count(DISTINCT c.waiter)::int AS waiting,
         max(extract(epoch FROM clock_timestamp() - w.since))::float8 AS seconds
    FROM chain c JOIN waiting w ON w.pid = c.waiter LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = c.blocker
   WHERE c.blocker NOT IN (SELECT pid FROM waiting)
   GROUP BY 1, 2, 3, 4 ORDER BY seconds DESC LIMIT $2`

/** Somebody waits for a lock, and this is who holds it. */
export const blockedStatements: Check = {
  id: 'blocked-statements',
  category: 'locks',
  good: 'nobody waits for a lock',
  why: 'Whoever waits for a lock holds a connection, and everybody who comes later waits behind.',
  run: async ({ db }) => {
    const { rows } = await db.query<Blocker>(ROOTS, [SHORTEST_SECONDS, MOST_TOLD])
    return rows.map(describe)
  },
}

function describe({ pid, user, application, state, waiting, seconds }: Blocker): Found {
  const rounded = Math.round(seconds)
  const common = {
    severity: seconds < ERROR_SECONDS ? 'warning' : 'error',
  } as const
  const waits = `${waiting === 1 ? 'One statement waits' : `${waiting} statements wait`}, the longest for ${rounded} s, for a lock that`
  if (pid === 0) {
    return {
      ...common,
      subject: 'prepared transactions',
      message: `${waits} a prepared transaction holds.`,
      evidence: { waiting, longest_wait_seconds: rounded },
      action: 'Nobody runs it: end it with COMMIT PREPARED or ROLLBACK PREPARED and its gid. To see them:',
      sql: 'SELECT gid, prepared, owner, database FROM pg_prepared_xacts ORDER BY prepared;',
    }
  }
  const who = application || `session ${pid}`
  const isIdle = state.startsWith('idle')
  const isHidden = state === 'hidden'
  return {
    ...common,
    subject: `pid ${pid}`,
    message: `${waits} ${who} holds${isIdle ? ` while it does nothing${state === 'idle' ? '' : ' inside a transaction'}` : ''}.`,
    evidence: { pid, user, application, state, waiting, longest_wait_seconds: rounded },
    action: isIdle
      ? 'Nothing runs there that could be cancelled. To end that session, undoing its transaction:'
      : isHidden
        ? 'This role may not see whether anything runs there that could be cancelled. To end that session, undoing its transaction:'
        : 'Let it finish, or cancel what it runs:',
    sql: isIdle || isHidden ? `SELECT pg_terminate_backend(${pid});` : `SELECT pg_cancel_backend(${pid});`,
  }
}
