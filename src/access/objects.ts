import { quoteIdentifier } from '../core/index.ts'
import type { AccessChange, ChangeGroup } from './change.ts'
import { type Grantable, grantChanges } from './grants.ts'
import { type AccessModel, reachingRoles, wantedPrivileges } from './model.ts'
import type { AccessState, DefaultState, Grant, ObjectState } from './state.ts'

/** Everybody may look up names in a schema, and run what is no secret; PostgreSQL's own defaults. */
const LEFT_TO_EVERYBODY = ['USAGE', 'EXECUTE']

/** Owners and privileges of what is there, an object and what belongs to it together. */
export function objectChanges(model: AccessModel, state: AccessState): ChangeGroup[] {
  const groups = new Map<string, AccessChange[]>()
  for (const object of state.objects) {
    const changes = changesOf(model, object)
    // Tables have their names to themselves among all that something can belong to.
    const group = object.belongsTo === null ? nameOf(object) : `table ${object.belongsTo}`
    if (changes.length > 0) groups.set(group, [...(groups.get(group) ?? []), ...changes])
  }
  return [...groups].map(([object, changes]) => ({ object, changes }))
}

const nameOf = ({ noun, sql }: ObjectState): string => `${noun.toLowerCase()} ${sql}`

function changesOf(model: AccessModel, object: ObjectState): AccessChange[] {
  const { owner } = model
  const moves = object.owner !== owner
  const changes: AccessChange[] = []
  if (moves && object.belongsTo === null)
    changes.push({
      role: owner,
      object: nameOf(object),
      what: 'ownership',
      effect: 'widens',
      words: `${nameOf(object)} belongs to ${object.owner} instead of ${owner}`,
      statement: `ALTER ${object.noun} ${object.sql} OWNER TO ${quoteIdentifier(owner)}`,
    })
  const { class: of } = object
  if (of === null) return changes
  const on: Grantable = {
    object: nameOf(object),
    on: `ON ${of === 'relation' ? 'TABLE' : object.noun} ${object.sql}`,
  }
  // What the old owner had is the new one's: PostgreSQL puts the new name into every entry.
  const grants = moves ? object.grants.map((grant) => handedOver(grant, object.owner, owner)) : object.grants
  for (const [kind, grantee] of reachingRoles(model)) {
    const privileges = wantedPrivileges(model, kind, object.schema, of, object.name)
    changes.push(...grantChanges(on, grants, { grantee, privileges }))
  }
  changes.push(...grantChanges(on, grants, { grantee: null, privileges: [], ignored: LEFT_TO_EVERYBODY }))
  return changes
}

const handedOver = (grant: Grant, from: string, to: string): Grant =>
  grant.grantee === from ? { ...grant, grantee: to } : grant

const DEFAULT_CLASSES = [
  ['relation', 'TABLES'],
  ['sequence', 'SEQUENCES'],
  ['routine', 'ROUTINES'],
] as const

/** Privileges of what the owner will make. */
export function defaultChanges(model: AccessModel, state: AccessState): ChangeGroup[] {
  const there = state.objects.filter(({ noun }) => noun === 'SCHEMA').map(({ name }) => name)
  const changes: AccessChange[] = []
  for (const schema of [null, ...there])
    for (const [of, noun] of DEFAULT_CLASSES) {
      const grants = state.defaults.find(isFor(schema, of))?.grants ?? []
      const where = schema === null ? '' : ` IN SCHEMA ${quoteIdentifier(schema)}`
      const on: Grantable = {
        object: `${noun.toLowerCase()} to come${schema === null ? '' : ` in ${schema}`}`,
        on: `ON ${noun}`,
        prefix: `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoteIdentifier(model.owner)}${where} `,
      }
      for (const [kind, grantee] of reachingRoles(model)) {
        // What is granted wherever it is made cannot be taken back for one schema: nothing is granted so.
        const privileges = schema === null ? [] : wantedPrivileges(model, kind, schema, of)
        changes.push(...grantChanges(on, grants, { grantee, privileges }))
      }
      changes.push(...grantChanges(on, grants, { grantee: null, privileges: [], ignored: ['EXECUTE'] }))
    }
  return changes.length === 0 ? [] : [{ object: 'default privileges', changes }]
}

const isFor =
  (schema: string | null, of: DefaultState['class']) =>
  (one: DefaultState): boolean =>
    one.schema === schema && one.class === of
