import { readHeld } from '../relations.ts'
import type { Check } from '../finding.ts'

/** Tables that cannot be looked at just now. */
export const heldTables: Check = {
  id: 'held-tables',
  category: 'locks',
  good: 'every table can be looked at',
  why: 'What other checks say leaves these tables out.',
  run: async ({ db }) => {
    const held = await readHeld(db)
    if (held.length === 0) return []
    return [
      {
        severity: 'info',
        subject: held[0] as string,
        message: `Nothing is said of ${held.join(', ')}: somebody holds ${held.length === 1 ? 'it' : 'them'} with ACCESS EXCLUSIVE, or waits to.`,
        evidence: { tables: held },
        action: 'Look again when that is over. Who it is: holdfast activity locks, or',
        sql: `SELECT pid, relation::regclass FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND locktype = 'relation';`,
      },
    ]
  },
}
