import { HoldfastError } from '../core/index.ts'

export function readingBusy(reason: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_MONITOR_BUSY',
    message: `The database answers, but this could not be read: ${reason}. It was given up so that nobody waits for it; try again.`,
    retryable: true,
    details: { reason },
    cause,
  })
}

export function sessionUnknown(pid: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_MONITOR_SESSION_UNKNOWN',
    message: `No session of this database has pid ${pid} any more, or it is another one by now. See: holdfast activity list`,
    details: { pid },
  })
}

export function signalUnrecorded(pid: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_MONITOR_SIGNAL_UNRECORDED',
    message: `Session ${pid} was signalled, and somebody else locks the table of operations: it is not written down there. See holdfast activity locks.`,
    details: { pid },
  })
}

export function signalDenied(pid: number, grant: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_MONITOR_SIGNAL_DENIED',
    message: `This role may not end what others run (pid ${pid}). To let it, as a superuser: ${grant} Sessions of superusers are ended by superusers only.`,
    details: { pid, grant },
    cause,
  })
}

/** @param state of pg_stat_statements, where it does not collect */
export function statementUnknown(id: string, state?: string): HoldfastError {
  const reason = state === undefined ? '' : `, for pg_stat_statements is ${state}`
  return new HoldfastError({
    code: 'HF_MONITOR_STATEMENT_UNKNOWN',
    message: `Statistics know no statement ${id} of this database${reason}. See: holdfast query top`,
    details: { id },
  })
}

export function explainRefused(reason: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_MONITOR_EXPLAIN_REFUSED',
    message: `The statement cannot be explained: ${reason}.`,
    details: { reason },
    cause,
  })
}

/** @param role that ran the statement */
export function explainRoleRefused(role: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_MONITOR_EXPLAIN_ROLE',
    message: `The statement cannot be explained as ${role}, which ran it: ${why}. Planning runs functions of whoever wrote them, and so is done with the rights of who ran the statement, or not at all.`,
    details: { role, why },
    cause,
  })
}

export function resetDenied(grant: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_MONITOR_RESET_DENIED',
    message: `This role may not reset the statistics of statements. To let it, as a superuser: ${grant}`,
    details: { grant },
    cause,
  })
}

export function optimizeBusy(): HoldfastError {
  return new HoldfastError({
    code: 'HF_MONITOR_OPTIMIZE_BUSY',
    message:
      'Somebody else optimizes tables of this database just now. Two at once would only slow each other down.',
    retryable: true,
  })
}

export function optimizeReplica(): HoldfastError {
  return new HoldfastError({
    code: 'HF_MONITOR_OPTIMIZE_REPLICA',
    message: 'This is a replica: its tables are what its primary makes of them. Optimize there.',
  })
}

export function tableUnknown(name: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MONITOR_TABLE_UNKNOWN',
    message: `There is no table ${name} that this role may name. Quote it as SQL does; see: holdfast table list`,
    details: { name },
  })
}
