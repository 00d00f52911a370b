/**
 * Roles as data: who owns, who migrates, who serves, who reads, who watches, who audits; with the grants and default
 * privileges of each schema. Planned, applied as planned, and checked against what is there.
 */
export { applyAccess, type ApplyAccessOptions } from './apply.ts'
export type { AccessChange, ChangeGroup } from './change.ts'
export {
  ACCESS_OPTIONS,
  type AccessOptions,
  type Level,
  type ReachingKind,
  ROLE_KINDS,
  type RoleKind,
  type RoleNames,
  type SchemaLevels,
} from './options.ts'
export { accessAsJson, type AccessPlan, planAccess } from './plan.ts'
export { type AccessTarget, managedRoles } from './target.ts'
