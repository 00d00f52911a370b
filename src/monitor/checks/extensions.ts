import { quoteWhereNeeded } from '../../core/index.ts'
import type { Check } from '../finding.ts'

/** Extensions whose files are newer than what this database made of them. */
export const extensions: Check = {
  id: 'extensions',
  category: 'configuration',
  good: 'every extension is up to date',
  why: 'After an upgrade of the server an old extension lacks mended faults, and columns that newer tools ask for.',
  run: async ({ db }) => {
    const { rows } = await db.query<{ name: string; installed: string; available: string }>(`
      SELECT name, installed_version AS installed, default_version AS available FROM pg_catalog.pg_available_extensions
       WHERE installed_version IS NOT NULL AND installed_version <> default_version ORDER BY name`)
    return rows.map(({ name, installed, available }) => ({
      severity: 'info' as const,
      subject: name,
      message: `Extension ${name} is of version ${installed}; the server has ${available}.`,
      evidence: { installed, available },
      action: 'Bring it up to date, as its owner:',
      sql: `ALTER EXTENSION ${quoteWhereNeeded(name)} UPDATE;`,
    }))
  },
}
