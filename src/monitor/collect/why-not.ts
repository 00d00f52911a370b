import { messageOf, quoteWhereNeeded, refusesConnection, SQLSTATE, sqlstateOf } from '../../core/index.ts'
import type { PartitionTarget } from '../../partitions/index.ts'
import { connectFailure } from '../../pool/index.ts'

/** Why a history cannot be written, and what would let it. */
export function whyNot(error: unknown, { url, ownSchema }: PartitionTarget): string {
  const state = sqlstateOf(error)
  if (state === SQLSTATE.insufficientPrivilege) {
    const schema = quoteWhereNeeded(ownSchema)
    const role = quoteWhereNeeded(decodeURIComponent(new URL(url).username))
    return `${messageOf(error)}. Have it granted: GRANT USAGE ON SCHEMA ${schema} TO ${role}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${role};`
  }
  return state === undefined || refusesConnection(error)
    ? connectFailure(error, url).message
    : messageOf(error)
}
