import { type Queryable, quoteLiteral } from '../../core/index.ts'
import type { Check, Found } from '../finding.ts'

/** A coordinator that works ends them within seconds. */
const LONGEST_MINUTES = 5

/** A transaction that waits for its second phase. */
export type Prepared = { readonly gid: string; readonly owner: string; readonly minutes: number }

/** Those of this database that have waited for so many minutes, the longest first. */
export async function readPrepared(db: Queryable, minutes: number): Promise<Prepared[]> {
  const { rows } = await db.query<Prepared>(
    `SELECT gid, owner, floor(extract(epoch FROM clock_timestamp() - prepared) / 60)::float8 AS minutes FROM pg_catalog.pg_prepared_xacts
      WHERE database = current_database() AND prepared < clock_timestamp() - make_interval(mins => $1) ORDER BY prepared LIMIT 5`,
    [minutes],
  )
  return rows
}

/** Transactions that were prepared and that nobody ended. */
export const preparedTransactions: Check = {
  id: 'prepared-transactions',
  category: 'locks',
  good: 'no prepared transaction was forgotten',
  why: 'It holds its locks, also across restarts, and keeps VACUUM from cleaning up anywhere.',
  run: async ({ db }) => (await readPrepared(db, LONGEST_MINUTES)).map(describePrepared),
}

export function describePrepared({ gid, owner, minutes }: Prepared): Found {
  return {
    severity: 'error',
    subject: gid,
    message: `Its locks stay and dead rows pile up: the prepared transaction ${gid} has been left for ${minutes} minutes.`,
    evidence: { gid, owner, minutes },
    action: 'Ask its coordinator whether to commit it. To undo it:',
    sql: `ROLLBACK PREPARED ${quoteLiteral(gid)};`,
  }
}
