import { quoteIdentifier, quoteLiteral } from '../core/index.ts'
import type { AccessChange, ChangeGroup } from './change.ts'
import { grantChanges } from './grants.ts'
import type { AccessModel } from './model.ts'
import type { RoleKind } from './options.ts'
import type { AccessState, MembershipState, RoleState } from './state.ts'

const MONITOR_ROLE = 'pg_monitor'
/** From here on a membership says for itself whether it inherits and may be acted as. */
const WHOLE_MEMBERSHIP_VERSION = 16

/** Why the plan cannot be carried out, whoever tries. */
export function rolesBlocked(model: AccessModel, state: AccessState): string[] {
  return [...model.roles].flatMap(([kind, name]) => {
    if (state.roles.get(name)?.isSuperuser === true)
      return [`"${name}", which is to be ${kind}, is a superuser: no grant limits it; name another role`]
    if (state.applier.name === name)
      return [
        `"${name}", which is to be ${kind}, is the role that looks: apply as an administrator, or name another role`,
      ]
    return []
  })
}

/** The roles themselves: that they are there, what they may as such, whom they belong to, how they come in. */
export function roleChanges(model: AccessModel, state: AccessState): ChangeGroup[] {
  const changes = [
    ...[...model.roles].flatMap(([kind, name]) => attributeChanges(kind, name, state.roles.get(name))),
    ...membershipChanges(model, state),
    ...turningChanges(model, state),
    ...databaseChanges(model, state),
  ]
  return changes.length === 0 ? [] : [{ object: 'roles', changes }]
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
  if (!role)
    return [
      change(
        name,
        'widens',
        `the role itself (${login})`,
        `${name} (${kind}) is not there yet`,
        `CREATE ROLE ${sql} ${login}`,
      ),
    ]
  const alter = (effect: AccessChange['effect'], attribute: string, words: string): AccessChange =>
    change(name, effect, attribute, `${name} ${words}`, `ALTER ROLE ${sql} ${attribute}`)
  const changes = role.attributes.map((one) => alter('narrows', `NO${one}`, `has ${one} too much`))
  if (kind === 'owner' && role.canLogin)
    changes.push(alter('narrows', 'NOLOGIN', 'may log in; the owner is only acted as'))
  if (kind !== 'owner' && !role.canLogin) changes.push(alter('widens', 'LOGIN', 'may not log in'))
  if (!role.inherits) changes.push(alter('widens', 'INHERIT', 'does not inherit what it is a member of'))
  return changes
}

function membershipChanges(model: AccessModel, state: AccessState): AccessChange[] {
  const { roles, owner } = model
  const { serverVersion, applier } = state
  const wanted: [string, string][] = []
  for (const [kind, name] of roles) {
    if (kind === 'migrator') wanted.push([name, owner])
    if (kind === 'monitor') wanted.push([name, MONITOR_ROLE])
  }
  const isWanted = ({ member, role }: Pick<MembershipState, 'member' | 'role'>): boolean =>
    wanted.some(([name, of]) => name === member && of === role)
  const changes = state.memberships
    .filter(({ member }) => [...roles.values()].includes(member))
    .flatMap((one) => tooMuch(one, isWanted(one)))
  // Whoever hands over to the owner must be able to act as it; superusers are.
  if (!applier.isSuperuser && !applier.mayActAsOwner) wanted.push([applier.name, owner])
  const whole = serverVersion >= WHOLE_MEMBERSHIP_VERSION ? ' WITH INHERIT TRUE, SET TRUE' : ''
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

function tooMuch({ member, role, grantor, isAdmin }: MembershipState, isWanted: boolean): AccessChange[] {
  if (isWanted && !isAdmin) return []
  const by = grantor === null ? '' : ` GRANTED BY ${quoteIdentifier(grantor)}`
  const rest = `${quoteIdentifier(role)} FROM ${quoteIdentifier(member)}${by}`
  return isWanted
    ? [
        change(
          member,
          'narrows',
          `admin option of ${role}`,
          `${member} may make others members of ${role}`,
          `REVOKE ADMIN OPTION FOR ${rest}`,
        ),
      ]
    : [
        change(
          member,
          'narrows',
          `membership in ${role}`,
          `${member} is a member of ${role}`,
          `REVOKE ${rest}`,
        ),
      ]
}

/** What the migrator makes is to be the owner's. */
function turningChanges({ roles, owner }: AccessModel, { turnsInto, database }: AccessState): AccessChange[] {
  const where = (name: string): string =>
    `ALTER ROLE ${quoteIdentifier(name)} IN DATABASE ${quoteIdentifier(database)}`
  return [...roles].flatMap(([kind, name]) => {
    const now = turnsInto.get(name)
    if (kind === 'migrator')
      return now === owner
        ? []
        : [
            change(
              name,
              'widens',
              `role = ${owner}`,
              `${name} does not act as ${owner} here`,
              `${where(name)} SET role TO ${quoteLiteral(owner)}`,
            ),
          ]
    return now === undefined
      ? []
      : [change(name, 'narrows', `role = ${now}`, `${name} acts as ${now} here`, `${where(name)} RESET role`)]
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
  const grants = databaseGrants.map((grant) =>
    moves && grant.grantee === databaseOwner ? { ...grant, grantee: model.owner } : grant,
  )
  for (const [kind, grantee] of model.roles) {
    if (grantee === owner) continue
    const privileges = kind === 'owner' ? ['CONNECT', 'CREATE'] : ['CONNECT']
    changes.push(
      ...grantChanges({ object, on: `ON DATABASE ${sql}` }, grants, {
        grantee,
        privileges,
        ignored: ['TEMPORARY'],
      }),
    )
  }
  return changes
}
