/** PostgreSQL's table locks, the weakest first (manual, "Explicit Locking"). */
export const LOCK_MODES = [
  'ACCESS SHARE',
  'ROW SHARE',
  'ROW EXCLUSIVE',
  'SHARE UPDATE EXCLUSIVE',
  'SHARE',
  'SHARE ROW EXCLUSIVE',
  'EXCLUSIVE',
  'ACCESS EXCLUSIVE',
] as const

/** A table lock. */
export type LockMode = (typeof LOCK_MODES)[number]

/** The stronger of two. */
export function stronger(a: LockMode, b: LockMode): LockMode {
  return LOCK_MODES.indexOf(a) >= LOCK_MODES.indexOf(b) ? a : b
}

/** What stands still while a lock is held: what needs a mode that conflicts with it. */
export function blockedBy(lock: LockMode): 'nothing' | 'schema changes' | 'writes' | 'reads and writes' {
  switch (lock) {
    case 'ACCESS EXCLUSIVE':
      return 'reads and writes'
    case 'SHARE':
    case 'SHARE ROW EXCLUSIVE':
    case 'EXCLUSIVE':
      return 'writes'
    case 'SHARE UPDATE EXCLUSIVE':
      return 'schema changes'
    default:
      return 'nothing'
  }
}

/** `AccessExclusiveLock` of pg_locks as the manual writes it. */
export function lockModeOf(name: string): LockMode {
  const words = name.replace(/Lock$/, '').replaceAll(/([a-z])([A-Z])/g, '$1 $2')
  return words.toUpperCase() as LockMode
}
