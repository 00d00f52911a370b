import { inspectSchema } from '../../migrate/index.ts'
import type { Check } from '../finding.ts'
import { readHidden } from '../queries.ts'

/** What this role may not see. Everything else works without. */
export const rights: Check = {
  id: 'rights',
  category: 'security',
  good: 'the role sees everything that Holdfast shows',
  why: 'What a role may not see is missing from every picture.',
  run: async ({ db, identity, schema }) => {
    const hidden = await readHidden(db, identity, await inspectSchema(db, schema), schema)
    return hidden.map(({ what, grant }) => ({
      severity: 'warning',
      subject: identity.user,
      message: `The role "${identity.user}" may not see ${what}.`,
      evidence: { role: identity.user },
      action: 'Have an administrator grant it, or live without.',
      sql: grant,
    }))
  },
}
