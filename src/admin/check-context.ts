import { type CheckContext, findHistory, readIdentity } from '../monitor/index.ts'
import type { AdminContext } from './context.ts'

/** What the checks look at, of the database that the API is about. */
export async function checkContextOf({
  pool,
  reader,
  schema,
  migrations,
  collector,
  limits,
}: AdminContext): Promise<CheckContext> {
  return {
    db: reader,
    identity: await readIdentity(reader),
    schema,
    migrations,
    connectionLimit: pool.options.size + pool.options.overflow,
    pool: pool.stats(),
    history: collector?.history ?? (await findHistory(reader, schema)),
    limits,
  }
}
