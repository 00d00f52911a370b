import {
  type Operation,
  type Queryable,
  quoteWhereNeeded,
  type Recorder,
  SQLSTATE,
  sqlstateOf,
} from '../../core/index.ts'
import { OTHER_SESSION } from '../client-sessions.ts'
import { sessionUnknown, signalDenied, signalUnrecorded } from '../errors.ts'
import { recordWherePossible } from '../recording.ts'

/** `cancel` ends what a session runs; `terminate` ends the session, which undoes its transaction. */
export type SessionSignal = 'cancel' | 'terminate'

/** Whom to signal. */
export interface SignalTarget {
  readonly pid: number
  /** When the session began, as it was seen: another one may have its pid by now. Left out: whoever has it. */
  readonly startedAt?: Date | undefined
}

/**
 * Cancels the statement of a session of this database, or ends the session. Written down before it is done,
 * or behind it where somebody locks the table for that: it may be just whom this is about.
 *
 * @param db with the rights of a role that may: the session's own, or a member of pg_signal_backend
 * @throws HF_MONITOR_SESSION_UNKNOWN, HF_MONITOR_SIGNAL_DENIED, HF_MONITOR_SIGNAL_UNRECORDED when it was done and cannot be written down
 */
export async function signalSession(
  db: Queryable,
  signal: SessionSignal,
  { pid, startedAt }: SignalTarget,
  recorder?: Recorder,
): Promise<void> {
  const { rows } = await db.query<{ user: string | null; application: string; me: string }>(
    `SELECT usename AS "user", coalesce(application_name, '') AS application, current_user AS me FROM pg_catalog.pg_stat_activity a
      WHERE a.pid = $1 AND ${OTHER_SESSION}
        AND ($2::timestamptz IS NULL OR date_trunc('milliseconds', backend_start) = $2)`,
    [pid, startedAt ?? null],
  )
  const [session] = rows
  if (!session) throw sessionUnknown(pid)
  const { user, application } = session
  const operation = {
    action: `session.${signal}`,
    subject: `pid ${pid}`,
    details: { user, application },
  }
  const isRecorded = recorder === undefined || (await recordUnlessLocked(recorder, operation))
  try {
    const done = await db.query<{ sent: boolean }>(
      `SELECT ${signal === 'cancel' ? 'pg_cancel_backend' : 'pg_terminate_backend'}($1) AS sent`,
      [pid],
    )
    if (done.rows[0]?.sent !== true) throw sessionUnknown(pid)
  } catch (error) {
    if (sqlstateOf(error) === SQLSTATE.insufficientPrivilege)
      throw signalDenied(pid, `GRANT pg_signal_backend TO ${quoteWhereNeeded(session.me)};`, error)
    throw error
  }
  if (!isRecorded && recorder && !(await recordUnlessLocked(recorder, operation))) throw signalUnrecorded(pid)
}

async function recordUnlessLocked(recorder: Recorder, operation: Operation): Promise<boolean> {
  try {
    await recordWherePossible(recorder, operation)
    return true
  } catch (error) {
    if (sqlstateOf(error) === SQLSTATE.lockNotAvailable) return false
    throw error
  }
}
