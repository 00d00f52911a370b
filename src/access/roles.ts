import { quoteIdentifier, quoteLiteral } from '../core/index.ts'
import type { AccessChange, ChangeGroup } from './change.ts'
import { grantChanges } from './grants.ts'
import type { AccessModel } from './model.ts'
import type { RoleKind } from './options.ts'
import type { AccessState, MembershipState, RoleState } from './state.ts'

const MONITOR_ROLE = 'pg_monitor'
/** Shows what statements ran, and no rows: for `doctor` and contract migrations any role may be let in. */
const STATISTICS_ROLE = 'pg_read_all_stats'
/** From here on a membership says for itself whether it inherits and may be acted as. */
const WHOLE_MEMBERSHIP_VERSION = 16

/** Why the plan cannot be carried out, whoever tries. */
export function rolesBlocked(model: AccessModel, state: AccessState): string[] {
  return [...model.roles].flatMap(([kind, name]) =>
    state.roles.get(name)?.isSuperuser === true
      ? [`"${name}", which is to be ${kind}, is a superuser: no grant limits it; name another role`]
      : [],
  )
}

/** The roles themselves, before anything else: what is given first, so that nobody is without it for a moment. */
export function givenToRoles(model: AccessModel, state: AccessState): ChangeGroup[] {
  return asGroup(
    'roles',
    roleChanges(model, state).filter(({ effect }) => effect === 'widens'),
  )
}

/** What is taken from them, when everything that replaces it is there. */
export function takenFromRoles(model: AccessModel, state: AccessState): ChangeGroup[] {
  const taken = roleChanges(model, state).filter(({ effect }) => effect === 'narrows')
  // Roles are of the whole server: other databases may feel it.
  return asGroup(
    'roles again',
    taken.map((change) => ({ ...change, isFelt: true })),
  )
}

const asGroup = (object: string, changes: readonly AccessChange[]): ChangeGroup[] =>
  changes.length === 0 ? [] : [{ object, changes }]

function roleChanges(model: AccessModel, state: AccessState): AccessChange[] {
  return [
    ...[...model.roles].flatMap(([kind, name]) => attributeChanges(kind, name, state.roles.get(name))),
    ...membershipChanges(model, state),
    ...turningChanges(model, state),
    ...databaseChanges(model, state),
  ]
}

const change = (
  role: string,
  effect: AccessChange['effect'],
  what: string,
  words: string,
  statement: string,
): AccessChange => ({ role, object: `role ${role}`, what, effect, words, statement })

function attributeChanges(kind: RoleKind, name: string, role: RoleState | undefined): AccessChange[] {
  const sql = quoteIdentifier(name)
  const login = kind === 'owner' ? 'NOLOGIN' : 'LOGIN'
  if (!role) {
    const words = `${name} (${kind}) is not there yet`
    return [change(name, 'widens', `the role itself (${login})`, words, `CREATE ROLE ${sql} ${login}`)]
  }
  const alter = (effect: AccessChange['effect'], attribute: string, words: string): AccessChange =>
    change(name, effect, attribute, `${name} ${words}`, `ALTER ROLE ${sql} ${attribute}`)
  const changes = role.attributes.map((one) => alter('narrows', `NO${one}`, `has ${one} too much`))
  if (kind === 'owner' && role.canLogin)
    changes.push(alter('narrows', 'NOLOGIN', 'may log in; the owner is only acted as'))
  if (kind !== 'owner' && !role.canLogin) changes.push(alter('widens', 'LOGIN', 'may not log in'))
  if (!role.inherits) changes.push(alter('widens', 'INHERIT', 'does not inherit what it is a member of'))
  return changes
}

function membershipChanges({ roles, owner }: AccessModel, state: AccessState): AccessChange[] {
  const names = new Set(roles.values())
  const wanted: [string, string][] = []
  for (const [kind, name] of roles) {
    if (kind === 'migrator') wanted.push([name, owner])
    if (kind === 'monitor') wanted.push([name, MONITOR_ROLE])
  }
  const isWanted = ({ member, role }: Pick<MembershipState, 'member' | 'role'>): boolean =>
    wanted.some(([name, of]) => name === member && of === role)
  const changes = state.memberships
    .filter(({ member, role }) => names.has(member) && reachesHere(names, role))
    .flatMap((one) => tooMuch(one, isWanted(one)))
  const whole = state.serverVersion >= WHOLE_MEMBERSHIP_VERSION ? ' WITH INHERIT TRUE, SET TRUE' : ''
  for (const [member, role] of wanted) {
    const found = state.memberships.filter((one) => one.member === member && one.role === role)
    // Before that version it is the member's INHERIT that decides, which is settled above.
    if (found.some(({ isWhole }) => isWhole || whole === '')) continue
    const statement = `GRANT ${quoteIdentifier(role)} TO ${quoteIdentifier(member)}${whole}`
    const words = `${member} is no member of ${role}${found.length === 0 ? '' : ' that inherits and may act as it'}`
    changes.push(change(member, 'widens', `membership in ${role}`, words, statement))
  }
  return changes
}

/** Ours, or PostgreSQL's own, which reach into every database. Other groups may be for another one: they are named. */
export const reachesHere = (names: ReadonlySet<string>, role: string): boolean =>
  names.has(role) || (role.startsWith('pg_') && role !== STATISTICS_ROLE)

function tooMuch({ member, role, grantor, isAdmin }: MembershipState, isWanted: boolean): AccessChange[] {
  if (isWanted && !isAdmin) return []
  const by = grantor === null ? '' : ` GRANTED BY ${quoteIdentifier(grantor)} CASCADE`
  const rest = `${quoteIdentifier(role)} FROM ${quoteIdentifier(member)}${by}`
  if (!isWanted)
    return [
      change(
        member,
        'narrows',
        `membership in ${role}`,
        `${member} is a member of ${role}`,
        `REVOKE ${rest}`,
      ),
    ]
  const words = `${member} may make others members of ${role}`
  return [change(member, 'narrows', `admin option of ${role}`, words, `REVOKE ADMIN OPTION FOR ${rest}`)]
}

/** What the migrator makes is to be the owner's. */
function turningChanges({ roles, owner }: AccessModel, { turnsInto, database }: AccessState): AccessChange[] {
  return [...roles].flatMap(([kind, name]) => {
    const sql = `ALTER ROLE ${quoteIdentifier(name)}`
    const here = `${sql} IN DATABASE ${quoteIdentifier(database)}`
    const now = turnsInto.filter((one) => one.name === name)
    const isRight = now.some((one) => one.role === owner && !one.isEverywhere)
    if (kind !== 'migrator')
      return now.map(({ role, isEverywhere }) =>
        change(
          name,
          'narrows',
          `role = ${role}`,
          `${name} acts as ${role}${isEverywhere ? '' : ' here'}`,
          `${isEverywhere ? sql : here} RESET role`,
        ),
      )
    if (isRight) return []
    const words = `${name} does not act as ${owner} here`
    return [change(name, 'widens', `role = ${owner}`, words, `${here} SET role TO ${quoteLiteral(owner)}`)]
  })
}

function databaseChanges(model: AccessModel, state: AccessState): AccessChange[] {
  const { database, databaseOwner, databaseGrants } = state
  const sql = quoteIdentifier(database)
  const object = `database ${database}`
  const changes: AccessChange[] = []
  const others = [...model.roles].filter(([kind]) => kind !== 'owner').map(([, name]) => name)
  const moves = others.includes(databaseOwner)
  if (moves)
    changes.push({
      role: model.owner,
      object,
      what: 'ownership',
      effect: 'widens',
      words: `${object} belongs to ${databaseOwner}, who may drop it`,
      statement: `ALTER DATABASE ${sql} OWNER TO ${quoteIdentifier(model.owner)}`,
    })
  const owner = moves ? model.owner : databaseOwner
  const renamed = (name: string | null): string | null =>
    moves && name === databaseOwner ? model.owner : name
  const grants = databaseGrants.map((grant) => ({
    ...grant,
    grantee: renamed(grant.grantee),
    grantor: renamed(grant.grantor) as string,
  }))
  const at = { object, on: `ON DATABASE ${sql}`, owner }
  for (const [kind, grantee] of model.roles) {
    if (grantee === owner) continue
    const privileges = kind === 'owner' ? ['CONNECT', 'CREATE'] : ['CONNECT']
    changes.push(...grantChanges(at, grants, { grantee, privileges, ignored: ['TEMPORARY'] }))
  }
  const ignored = ['CONNECT', 'TEMPORARY']
  changes.push(...grantChanges(at, grants, { grantee: null, privileges: [], ignored }))
  return changes
}
