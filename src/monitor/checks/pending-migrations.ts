import { inspectSchema, migrateStatus } from '../../migrate/index.ts'
import type { Check, Found } from '../finding.ts'

/** The user's migrations have run, and are still what ran. */
export const pendingMigrations: Check = {
  id: 'pending-migrations',
  category: 'schema',
  good: 'no migration is pending',
  why: 'Code that expects a structure that is not there fails at run time.',
  run: async ({ db, schema, migrations }) => {
    if (!migrations) return null // nobody said where they are
    const { state } = await inspectSchema(db, schema)
    if (state === 'missing' || state === 'unreadable') return null // the checks of schema and rights tell
    const status = await migrateStatus(migrations)
    const of = (wanted: string): string[] => status.filter((one) => one.state === wanted).map(({ id }) => id)
    const pending = of('pending')
    const changed = of('changed')
    const findings: Found[] = []
    if (pending.length > 0) {
      findings.push({
        severity: 'warning',
        subject: migrations.directory,
        message: `The database is ${pending.length} migration(s) behind the code.`,
        evidence: { pending },
        action: 'holdfast migrate up',
        sql: null,
      })
    }
    if (changed.length > 0) {
      findings.push({
        severity: 'error',
        subject: migrations.directory,
        message: `The folder no longer says what this database is: ${changed.length} migration(s) changed after they ran.`,
        evidence: { changed },
        action: 'Restore each file as it ran, and put the change into a new migration.',
        sql: null,
      })
    }
    return findings
  },
}
