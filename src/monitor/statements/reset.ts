import { type Queryable, quoteWhereNeeded, type Recorder, SQLSTATE, sqlstateOf } from '../../core/index.ts'
import { resetDenied, statementUnknown } from '../errors.ts'
import { recordWherePossible } from '../recording.ts'
import { findStatementSource } from './source.ts'

/**
 * Forgets the statistics of this database's statements. What the history has kept stays. Written down before it is done.
 * @throws HF_MONITOR_STATEMENT_UNKNOWN where there are none, HF_MONITOR_RESET_DENIED
 */
export async function resetStatements(db: Queryable, recorder: Recorder): Promise<void> {
  const source = await findStatementSource(db)
  if (source.state !== 'collecting') throw statementUnknown('of any kind')
  const { rows } = await db.query<{ database: string; me: string; oid: string }>(
    'SELECT datname AS database, current_user AS me, oid::text AS oid FROM pg_catalog.pg_database WHERE datname = current_database()',
  )
  const { database, me, oid } = rows[0] as { database: string; me: string; oid: string }
  await recordWherePossible(recorder, { action: 'statements.reset', subject: database })
  try {
    // With its exact types no other function of the name is meant, whoever may make functions in that schema.
    const minmaxOnly = source.version >= 111 ? ', false' : ''
    await db.query(
      `SELECT ${source.schema}.pg_stat_statements_reset(0::oid, $1::oid, 0::int8${minmaxOnly})`,
      [oid],
    )
  } catch (error) {
    if (sqlstateOf(error) !== SQLSTATE.insufficientPrivilege) throw error
    const grant = `GRANT EXECUTE ON FUNCTION ${source.schema}.pg_stat_statements_reset TO ${quoteWhereNeeded(me)};`
    throw resetDenied(grant, error)
  }
}
