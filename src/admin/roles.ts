/** Who may do what: a viewer reads, an operator also acts, an admin also decides who gets in. */
export type Role = 'viewer' | 'operator' | 'admin'

export const ROLES: readonly Role[] = ['viewer', 'operator', 'admin']

/** True when `role` includes what `needed` may do. */
export function includesRole(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed)
}

/** Of whoever asks; least where nobody is known. */
export const roleOf = (identity: { readonly role: Role } | null): Role => identity?.role ?? 'viewer'
