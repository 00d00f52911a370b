import type { AccessModel } from './model.ts'
import { nameOf, staysWithItsOwner } from './objects.ts'
import { reachesHere } from './roles.ts'
import type { AccessState } from './state.ts'

/** What is worth knowing: what is left alone, and what is not managed. Pure. */
export function notesOf(model: AccessModel, state: AccessState): string[] {
  const names = new Set(model.roles.values())
  const there = new Set(state.objects.filter(({ noun }) => noun === 'SCHEMA').map(({ name }) => name))
  const notes = [
    ...state.objects
      .filter((object) => staysWithItsOwner(model, state, object))
      .map(
        (object) =>
          `${nameOf(object)} runs with the rights of ${object.owner}, and would with the owner's: left to it. If you know it to be right, hand it over by hand.`,
      ),
    ...[...model.schemas.keys()]
      .filter((schema) => !there.has(schema))
      .map((schema) => `The schema ${schema} is not there yet: nothing is granted in it.`),
    ...memberships(state, names),
    ...others(state, names),
    ...state.beside,
  ]
  return [...new Set(notes)]
}

/** What applying takes from others: whoever owns something now and is none of the roles has nothing of it afterwards. Pure. */
export function warningsOf(model: AccessModel, state: AccessState): string[] {
  const names = new Set(model.roles.values())
  const losing = new Map<string, number>()
  for (const object of state.objects) {
    const { owner } = object
    const isSafe = names.has(owner) || state.superusers.includes(owner) || owner.startsWith('pg_')
    if (!isSafe && !staysWithItsOwner(model, state, object)) losing.set(owner, (losing.get(owner) ?? 0) + 1)
  }
  return [...losing].map(
    ([name, count]) =>
      `${name} owns ${count} object(s) here and is none of these roles: it loses its rights on them. If it is your service, name it: access.roles.app.`,
  )
}

function memberships({ memberships: all }: AccessState, names: ReadonlySet<string>): string[] {
  return all.flatMap(({ member, role }) => {
    if (names.has(member))
      return reachesHere(names, role)
        ? []
        : [`${member} is a member of ${role}, and may do all that it may: left alone.`]
    return [`${member} is a member of ${role}: it may do all that it may.`]
  })
}

/** Rights of roles that are none of ours. */
function others({ objects }: AccessState, names: ReadonlySet<string>): string[] {
  const counts = new Map<string, number>()
  for (const { grants, owner } of objects)
    for (const grantee of new Set(grants.map((grant) => grant.grantee)))
      if (grantee !== null && grantee !== owner && !names.has(grantee))
        counts.set(grantee, (counts.get(grantee) ?? 0) + 1)
  return [...counts].map(
    ([name, count]) => `${name} has rights on ${count} object(s), and is none of these roles: left alone.`,
  )
}
