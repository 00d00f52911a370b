import { afterImpossible } from '../errors.ts'
import type { Migration } from '../format/folder.ts'

/**
 * The order in which migrations run: by time, except that one whose `after` names a later one waits for it.
 * @param applied ids that ran already
 * @throws HF_MIGRATE_AFTER where `after` names what does not exist, or each waits for the other
 */
export function inRunningOrder(
  pending: readonly Migration[],
  known: ReadonlySet<string>,
  applied: ReadonlySet<string>,
): Migration[] {
  const byId = new Map(pending.map((migration) => [migration.id, migration]))
  const ordered: Migration[] = []
  const states = new Map<string, 'waiting' | 'placed'>()
  const place = (migration: Migration): void => {
    if (states.get(migration.id) === 'placed') return
    states.set(migration.id, 'waiting')
    for (const after of migration.directives.after) {
      if (applied.has(after)) continue
      const first = byId.get(after)
      if (first === undefined) {
        const why = known.has(after) ? 'which is not part of this run' : 'which does not exist'
        throw afterImpossible(migration.id, after, why)
      }
      if (states.get(after) === 'waiting')
        throw afterImpossible(migration.id, after, 'which in turn waits for it')
      place(first)
    }
    states.set(migration.id, 'placed')
    ordered.push(migration)
  }
  for (const migration of pending) place(migration)
  return ordered
}
