import { quoteIdentifier } from '../core/index.ts'
import type { AccessChange } from './change.ts'
import type { Grant } from './state.ts'

/** Where privileges are granted. */
export interface Grantable {
  /** For people: `table public.orders`. */
  readonly object: string
  /** What stands between the privileges and the role: `ON TABLE public.orders`. */
  readonly on: string
  /** What stands before GRANT and REVOKE; for the privileges of what is to come. */
  readonly prefix?: string
}

/** What a grantee is to have; null is everybody. */
export interface Wanted {
  readonly grantee: string | null
  readonly privileges: readonly string[]
  /** Left as they are: neither missing nor too much. */
  readonly ignored?: readonly string[]
}

const nameOf = (grantee: string | null): string => grantee ?? 'PUBLIC'
const sqlOf = (grantee: string | null): string => (grantee === null ? 'PUBLIC' : quoteIdentifier(grantee))

/** What is to be taken from a grantee and what to be given, in this order. */
export function grantChanges(
  { object, on, prefix = '' }: Grantable,
  grants: readonly Grant[],
  { grantee, privileges, ignored = [] }: Wanted,
): AccessChange[] {
  const own = grants.filter((grant) => grant.grantee === grantee && !ignored.includes(grant.privilege))
  const whole = own.filter(({ column }) => column === null)
  const excess = whole.filter(({ privilege }) => !privileges.includes(privilege))
  const passable = whole.filter(({ privilege, isGrantable }) => isGrantable && privileges.includes(privilege))
  const missing = privileges.filter((privilege) => !whole.some((grant) => grant.privilege === privilege))
  const change = (
    effect: AccessChange['effect'],
    what: string,
    says: string,
    statement: string,
  ): AccessChange => ({
    role: nameOf(grantee),
    object,
    what,
    effect,
    words: `${nameOf(grantee)} ${says} on ${object}`,
    statement: `${prefix}${statement}`,
  })
  const revoke = (found: readonly Grant[], what: string, says: string, head = ''): AccessChange[] => {
    if (found.length === 0) return []
    const onwards = found.some(({ isGrantable }) => isGrantable) ? ' CASCADE' : ''
    return [change('narrows', what, says, `REVOKE ${head}${what} ${on} FROM ${sqlOf(grantee)}${onwards}`)]
  }
  const list = (found: readonly Grant[]): string => found.map(({ privilege }) => privilege).join(', ')
  const columns = own.filter(({ column }) => column !== null)
  const columnList = columns
    .map(({ privilege, column }) => `${privilege} (${quoteIdentifier(column as string)})`)
    .join(', ')
  return [
    ...revoke(excess, list(excess), `has ${list(excess)} too much`),
    ...revoke(columns, columnList, `has ${columnList} of its own`),
    ...revoke(passable, list(passable), `may pass on ${list(passable)}`, 'GRANT OPTION FOR '),
    ...(missing.length === 0
      ? []
      : [
          change(
            'widens',
            missing.join(', '),
            `lacks ${missing.join(', ')}`,
            `GRANT ${missing.join(', ')} ${on} TO ${sqlOf(grantee)}`,
          ),
        ]),
  ]
}
