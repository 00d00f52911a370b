import { quoteIdentifier } from '../core/index.ts'
import type { AccessChange, ChangeGroup } from './change.ts'
import { type Grantable, grantChanges } from './grants.ts'
import {
  type AccessModel,
  ownersPrivileges,
  type PrivilegeClass,
  reachingRoles,
  wantedPrivileges,
} from './model.ts'
import type { AccessState, DefaultState, Grant, ObjectState } from './state.ts'

/** Everybody may look up names in a schema, and run what is no secret; PostgreSQL's own defaults. */
const LEFT_TO_EVERYBODY = ['USAGE', 'EXECUTE']

/**
 * Owners and privileges of what is there, an object and what belongs to it together. The owner gets into the schemas first, and
 * the schemas themselves are handed over last: until then whoever owns a table in them can be asked by foreign keys.
 */
export function objectChanges(model: AccessModel, state: AccessState): ChangeGroup[] {
  const groups = new Map<string, AccessChange[]>()
  const entering: AccessChange[] = []
  const schemas = state.objects.filter(({ noun }) => noun === 'SCHEMA')
  for (const schema of schemas) if (schema.owner !== model.owner) entering.push(...entered(model, schema))
  for (const object of [...state.objects.filter(({ noun }) => noun !== 'SCHEMA'), ...schemas]) {
    if (staysWithItsOwner(model, state, object)) continue
    const changes = changesOf(model, state, object)
    // Tables have their names to themselves among all that something can belong to.
    const group = object.belongsTo === null ? nameOf(object) : `table ${object.belongsTo}`
    if (changes.length > 0) groups.set(group, [...(groups.get(group) ?? []), ...changes])
  }
  const rest = [...groups].map(([object, changes]) => ({ object, changes }))
  return entering.length === 0 ? rest : [{ object: 'schemas', changes: entering }, ...rest]
}

export const nameOf = ({ noun, sql }: ObjectState): string => `${noun.toLowerCase()} ${sql}`

/**
 * What runs with its owner's rights would run with the new owner's: it is handed over only from those who could have made it so
 * by themselves. Of others it stays theirs, and is named in the notes.
 */
export function staysWithItsOwner(
  { roles, owner }: AccessModel,
  { superusers, databaseOwner, applier }: AccessState,
  object: ObjectState,
): boolean {
  if (!object.runsAsOwner || object.owner === owner) return false
  const trusted = [databaseOwner, applier.name, roles.get('migrator'), roles.get('app')]
  return !superusers.includes(object.owner) && !trusted.includes(object.owner)
}

const privilegesOn = (model: AccessModel, object: ObjectState, of: PrivilegeClass): Grantable => ({
  object: nameOf(object),
  on: `ON ${of === 'relation' ? 'TABLE' : object.noun} ${object.sql}`,
  owner: model.owner,
})

/** What the owner needs before anything in a schema can be its own. */
function entered(model: AccessModel, schema: ObjectState): AccessChange[] {
  const at = { ...privilegesOn(model, schema, 'schema'), owner: schema.owner }
  return grantChanges(at, schema.grants, { grantee: model.owner, privileges: ['USAGE', 'CREATE'] }).filter(
    ({ effect }) => effect === 'widens',
  )
}

function changesOf(model: AccessModel, state: AccessState, object: ObjectState): AccessChange[] {
  const { owner } = model
  const moves = object.owner !== owner
  const changes = moves && object.belongsTo === null ? [handover(model, object)] : []
  const { class: of } = object
  if (of === null) return changes
  const at = privilegesOn(model, object, of)
  // What the old owner had or gave is the new one's: PostgreSQL puts the new name into every entry.
  const grants = moves ? object.grants.map((grant) => handedOver(grant, object.owner, owner)) : object.grants
  for (const [kind, grantee] of reachingRoles(model)) {
    const privileges = wantedPrivileges(model, kind, object.schema, of, object.name)
    changes.push(...grantChanges(at, grants, { grantee, privileges }))
  }
  const all = ownersPrivileges(of, state.serverVersion)
  const ignored = LEFT_TO_EVERYBODY
  changes.push(
    ...grantChanges(at, grants, { grantee: owner, privileges: all }).filter(
      ({ effect }) => effect === 'widens',
    ),
    ...grantChanges(at, grants, { grantee: null, privileges: [], ignored }),
  )
  return changes
}

function handover({ owner, roles }: AccessModel, object: ObjectState): AccessChange {
  const former = object.owner
  const isOurs = [...roles.values()].includes(former)
  const rights = object.runsAsOwner ? ', and runs with its rights' : ''
  const policies =
    object.hasPolicies && isOurs ? `; its policies hold for ${former} from then on, which was exempt` : ''
  return {
    role: owner,
    object: nameOf(object),
    what: 'ownership',
    effect: 'widens',
    words: `${nameOf(object)} belongs to ${former} instead of ${owner}${rights}${policies}`,
    statement: `ALTER ${object.noun} ${object.sql} OWNER TO ${quoteIdentifier(owner)}`,
    handsOver: { oid: object.oid, facts: object.facts, sql: object.sql },
  }
}

const handedOver = (grant: Grant, from: string, to: string): Grant => ({
  ...grant,
  grantee: grant.grantee === from ? to : grant.grantee,
  grantor: grant.grantor === from ? to : grant.grantor,
})

const DEFAULT_CLASSES = [
  ['relation', 'TABLES'],
  ['sequence', 'SEQUENCES'],
  ['routine', 'ROUTINES'],
  ['schema', 'SCHEMAS'],
] as const

/** Privileges of what the owner will make. */
export function defaultChanges(model: AccessModel, state: AccessState): ChangeGroup[] {
  const there = state.objects.filter(({ noun }) => noun === 'SCHEMA').map(({ name }) => name)
  const changes: AccessChange[] = []
  for (const schema of [null, ...there])
    for (const [of, noun] of DEFAULT_CLASSES) {
      // Schemas are in no schema.
      if (of === 'schema' && schema !== null) continue
      const grants = state.defaults.find(isFor(schema, of))?.grants ?? []
      const where = schema === null ? '' : ` IN SCHEMA ${quoteIdentifier(schema)}`
      const at: Grantable = {
        object: `${noun.toLowerCase()} to come${schema === null ? '' : ` in ${schema}`}`,
        on: `ON ${noun}`,
        owner: model.owner,
        prefix: `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoteIdentifier(model.owner)}${where} `,
      }
      for (const [kind, grantee] of reachingRoles(model)) {
        // What is granted wherever it is made cannot be taken back for one schema: nothing is granted so.
        const privileges = schema === null ? [] : wantedPrivileges(model, kind, schema, of)
        changes.push(...grantChanges(at, grants, { grantee, privileges }))
      }
      changes.push(...grantChanges(at, grants, { grantee: null, privileges: [], ignored: ['EXECUTE'] }))
    }
  return changes.length === 0 ? [] : [{ object: 'default privileges', changes }]
}

const isFor =
  (schema: string | null, of: DefaultState['class']) =>
  (one: DefaultState): boolean =>
    one.schema === schema && one.class === of
