import type pg from 'pg'
import { SQLSTATE, sqlstateOf } from '../../core/index.ts'
import { isDefinitionChange, markAlike } from '../outcome.ts'
import type { Exchange } from './exchange.ts'
import type { Prepared } from './prepared.ts'
import { NO_ROWS } from './row-shape.ts'

/** For another caller: what one notes on theirs is not the others'. */
export function copyOf(error: Error): Error {
  const copy = Object.setPrototypeOf(new Error(error.message), Object.getPrototypeOf(error)) as Error
  Object.defineProperties(copy, Object.getOwnPropertyDescriptors(error))
  markAlike(error, copy)
  return copy
}

/** Whether it means something else by now: other parameters, or other columns. */
export function isOther(before: Prepared, now: Prepared): boolean {
  const types = now.types ?? []
  const isSameCall =
    before.types?.length === types.length && types.every((type, at) => type === before.types?.[at])
  return !isSameCall || !(before.shape ?? NO_ROWS).equals(now.shape ?? NO_ROWS)
}

/** The server does not know the BEGIN ahead of it any more, and so skipped the statement. */
export function lostBegin({ error, tagsAhead }: Exchange): boolean {
  return tagsAhead > 0 && error !== undefined && doubtOf(error) === 'unknown'
}

/**
 * What the failure of a statement that was kept prepared tells: the server does not know it; what it returns has changed (both before
 * anything was run); or it is one of those by which types that are others now show themselves, among a thousand faults of the caller's.
 */
export function doubtOf(error: Error): 'unknown' | 'changed' | 'possible' | undefined {
  const sqlstate = sqlstateOf(error)
  // Functions of the application may raise the same codes.
  const { routine } = error as pg.DatabaseError
  if (sqlstate === SQLSTATE.invalidSqlStatementName && routine === 'exec_bind_message') return 'unknown'
  if (isDefinitionChange(error)) return 'changed'
  return /^(22|42|XX)/.test(sqlstate ?? '') ? 'possible' : undefined
}
