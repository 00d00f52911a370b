import { createHash } from 'node:crypto'
import type { AccessChange, ChangeGroup } from './change.ts'
import type { AccessModel } from './model.ts'
import type { RoleKind } from './options.ts'
import { defaultChanges, objectChanges } from './objects.ts'
import { notesOf, warningsOf } from './notes.ts'
import { givenToRoles, rolesBlocked, takenFromRoles } from './roles.ts'
import { type AccessState, readAccess } from './state.ts'
import { type AccessTarget, withAccess } from './target.ts'

/** How a database's rights differ from the model, and what settles it. */
export interface AccessPlan {
  /** Name of each role by kind. */
  readonly roles: AccessModel['roles']
  /** In the order in which they are run. */
  readonly groups: readonly ChangeGroup[]
  /** Why it cannot be carried out; empty when it can. */
  readonly blockedBy: readonly string[]
  /** What applying takes from others. */
  readonly warnings: readonly string[]
  /** Roles that log in and are not there yet: they have no password until somebody sets one. */
  readonly newLogins: readonly string[]
  /** What is worth knowing and not managed. */
  readonly notes: readonly string[]
  /** Names the plan: equal for equal statements. */
  readonly hash: string
}

/** All changes of a plan. */
export const changesOf = ({ groups }: AccessPlan): AccessChange[] => groups.flatMap(({ changes }) => changes)

/**
 * Compares who has which rights with who is to have them. Changes nothing; any role may look.
 * @throws HF_CONNECT_*, HF_ACCESS_MODEL
 */
export async function planAccess(target: AccessTarget): Promise<AccessPlan> {
  return withAccess(target, async (client, model) => planOf(model, await readAccess(client, model)))
}

/** Pure. */
export function planOf(model: AccessModel, state: AccessState): AccessPlan {
  const groups = [
    ...givenToRoles(model, state),
    ...objectChanges(model, state),
    ...defaultChanges(model, state),
    ...takenFromRoles(model, state),
  ]
  const blockedBy = rolesBlocked(model, state)
  const hash = createHash('sha256')
  for (const { object, changes } of groups)
    for (const { statement } of changes) hash.update(`${object}\n${statement}\n`)
  for (const reason of blockedBy) hash.update(`${reason}\n`)
  const { roles } = model
  return {
    roles,
    groups,
    blockedBy,
    warnings: warningsOf(model, state),
    newLogins: [...roles].flatMap(([kind, name]) =>
      kind === 'owner' || state.roles.has(name) ? [] : [name],
    ),
    notes: notesOf(model, state),
    hash: hash.digest('hex').slice(0, 16),
  }
}

/** A plan as the command line and the API print it. */
export function accessAsJson(plan: AccessPlan) {
  return {
    plan: plan.hash,
    roles: Object.fromEntries(plan.roles) as Partial<Record<RoleKind, string>>,
    differences: changesOf(plan).map(({ role, object, what, effect, words, statement }) => ({
      role,
      object,
      what,
      effect,
      words,
      statement,
    })),
    blocked_by: [...plan.blockedBy],
    warnings: [...plan.warnings],
    notes: [...plan.notes],
  }
}
