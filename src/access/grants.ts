import { quoteIdentifier } from '../core/index.ts'
import type { AccessChange } from './change.ts'
import type { Grant } from './state.ts'

/** Where privileges are granted. */
export interface Grantable {
  /** For people: `table public.orders`. */
  readonly object: string
  /** What stands between the privileges and the role: `ON TABLE public.orders`. */
  readonly on: string
  /** Whose grants count: those of others go when those others lose their right to grant. */
  readonly owner: string
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
const unique = (words: readonly string[]): string => [...new Set(words)].join(', ')
const sorted = (words: readonly string[]): string => unique(words.toSorted())

/**
 * What is to be given to a grantee, and then what is to be taken: where a right came from somebody who may not pass it on any
 * more, it is there from the owner before it goes.
 */
export function grantChanges(at: Grantable, grants: readonly Grant[], wanted: Wanted): AccessChange[] {
  const { grantee, privileges, ignored = [] } = wanted
  const own = grants.filter((grant) => grant.grantee === grantee && !ignored.includes(grant.privilege))
  const whole = own.filter(({ column }) => column === null)
  const fromOwner = whole.filter(({ grantor }) => grantor === at.owner)
  const missing = privileges.filter((one) => !fromOwner.some(({ privilege }) => privilege === one))
  const excess = whole.filter(
    ({ privilege, grantor }) => !privileges.includes(privilege) || grantor !== at.owner,
  )
  const given: AccessChange[] =
    missing.length === 0
      ? []
      : [
          {
            role: nameOf(grantee),
            object: at.object,
            what: missing.join(', '),
            effect: 'widens',
            words: `${nameOf(grantee)} lacks ${missing.join(', ')} on ${at.object}`,
            statement: `${at.prefix ?? ''}GRANT ${missing.join(', ')} ${at.on} TO ${sqlOf(grantee)}`,
          },
        ]
  return [
    ...given,
    ...taken(at, grants, grantee, excess),
    ...columnsTaken(at, own),
    ...optionsTaken(at, grants, fromOwner, privileges),
  ]
}

/** @param found rights of one grantee, of which each grantor has to take its own */
function taken(
  at: Grantable,
  grants: readonly Grant[],
  grantee: string | null,
  found: readonly Grant[],
): AccessChange[] {
  return [...new Set(found.map(({ grantor }) => grantor))].map((grantor) => {
    const these = found.filter((one) => one.grantor === grantor)
    const what = unique(these.map(({ privilege }) => privilege))
    return narrowing(at, grants, these, what, `has ${what} too much`, {
      grantor,
      text: `REVOKE ${what} ${at.on} FROM ${sqlOf(grantee)}`,
    })
  })
}

function columnsTaken(at: Grantable, own: readonly Grant[]): AccessChange[] {
  const columns = own.filter(({ column }) => column !== null)
  return [...new Set(columns.map(({ grantor }) => grantor))].map((grantor) => {
    const these = columns.filter((one) => one.grantor === grantor)
    const what = these
      .map(({ privilege, column }) => `${privilege} (${quoteIdentifier(column as string)})`)
      .join(', ')
    return narrowing(at, [], these, what, `has ${what} of its own`, {
      grantor,
      text: `REVOKE ${what} ${at.on} FROM ${sqlOf(these[0]?.grantee ?? null)}`,
    })
  })
}

/** A right that is to stay, and not to be passed on. */
function optionsTaken(
  at: Grantable,
  grants: readonly Grant[],
  fromOwner: readonly Grant[],
  privileges: readonly string[],
): AccessChange[] {
  const passable = fromOwner.filter(
    ({ privilege, isGrantable }) => isGrantable && privileges.includes(privilege),
  )
  if (passable.length === 0) return []
  const what = unique(passable.map(({ privilege }) => privilege))
  return [
    narrowing(at, grants, passable, what, `may pass on ${what}`, {
      grantor: at.owner,
      text: `REVOKE GRANT OPTION FOR ${what} ${at.on} FROM ${sqlOf(passable[0]?.grantee ?? null)}`,
    }),
  ]
}

function narrowing(
  { object, owner, prefix = '' }: Grantable,
  grants: readonly Grant[],
  these: readonly Grant[],
  what: string,
  says: string,
  { grantor, text }: { readonly grantor: string; readonly text: string },
): AccessChange {
  const grantee = these[0]?.grantee ?? null
  const cascade = these.some(({ isGrantable }) => isGrantable) ? ' CASCADE' : ''
  const passedOn = sorted(
    grants
      .filter(
        (one) =>
          cascade !== '' &&
          one.grantor === grantee &&
          these.some(({ privilege }) => privilege === one.privilege),
      )
      .map((one) => nameOf(one.grantee)),
  )
  const statement = `${prefix}${text}${cascade}`
  return {
    role: nameOf(grantee),
    object,
    what,
    effect: 'narrows',
    words: `${nameOf(grantee)} ${says} on ${object}${grantor === owner ? '' : `, from ${grantor}`}${passedOn === '' ? '' : `, and passed it on to ${passedOn}, who lose it`}`,
    // Only who granted it can take it back.
    statement:
      grantor === owner || prefix !== ''
        ? statement
        : `SET LOCAL ROLE ${quoteIdentifier(grantor)}; ${statement}; RESET ROLE`,
    ...(passedOn !== '' && { isFelt: true }),
  }
}
