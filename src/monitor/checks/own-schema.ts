import { inspectSchema } from '../../migrate/index.ts'
import type { Check } from '../finding.ts'

/** Holdfast's own schema is there and up to date. */
export const ownSchema: Check = {
  id: 'own-schema',
  category: 'schema',
  good: "Holdfast's schema is up to date",
  why: 'Without its schema nothing is remembered: no history, no migrations, no record of changes.',
  run: async ({ db, schema, identity }) => {
    const { state, pending } = await inspectSchema(db, schema)
    if (state === 'current') return []
    if (state === 'unreadable') {
      return [
        {
          severity: 'info',
          subject: schema,
          message: `Whether schema "${schema}" is up to date, and whether migrations are pending, cannot be told.`,
          evidence: { state },
          action: 'See the rights above.',
          sql: null,
        },
      ]
    }
    const mayInstall = identity.canCreate && !identity.isReadOnly
    return [
      {
        severity: mayInstall ? 'warning' : 'info',
        subject: schema,
        message:
          state === 'missing'
            ? `Nothing can be remembered: the database has no schema "${schema}" yet.`
            : `Holdfast's schema is ${pending.length} migration(s) behind this version.`,
        evidence: { state, pending },
        action: mayInstall
          ? 'holdfast init'
          : `holdfast init, as a role that may create in "${identity.database}"`,
        sql: null,
      },
    ]
  },
}
