import { messageOf, quoteWhereNeeded, SQLSTATE, sqlstateOf } from '../../core/index.ts'
import type { PartitionTarget } from '../../partitions/index.ts'
import { connectFailure } from '../../pool/index.ts'

/** What the server says of a statement it has taken; everything else is the way to it. */
const IS_OF_STATEMENT = /^(?!08|28|3D|53|57P)/

/** Why a history cannot be written, and what would let it. */
export function whyNot(error: unknown, { url, ownSchema }: PartitionTarget): string {
  const state = sqlstateOf(error)
  if (state === SQLSTATE.insufficientPrivilege) {
    const schema = quoteWhereNeeded(ownSchema)
    const role = quoteWhereNeeded(decodeURIComponent(new URL(url).username))
    return `${messageOf(error)}. Have it granted: GRANT USAGE ON SCHEMA ${schema} TO ${role}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${role};`
  }
  return state !== undefined && IS_OF_STATEMENT.test(state)
    ? messageOf(error)
    : connectFailure(error, url).message
}
