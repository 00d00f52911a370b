import type { Check } from '../finding.ts'

/** The oldest major version that its makers still mend: https://www.postgresql.org/support/versioning/ */
const OLDEST_MAJOR = 14

export const serverVersion: Check = {
  id: 'server-version',
  category: 'configuration',
  good: 'PostgreSQL is of a supported version',
  why: 'Versions that are not mended any more have known faults, some of which lose data.',
  run: async ({ identity }) => {
    const major = Math.floor(identity.versionNumber / 10_000)
    if (major >= OLDEST_MAJOR) return []
    return [
      {
        severity: 'error',
        subject: identity.database,
        message: `Holdfast is not made for PostgreSQL ${identity.version}, and its makers no longer mend it.`,
        evidence: { version: identity.version, oldest_supported: OLDEST_MAJOR },
        action: `Upgrade the server to PostgreSQL ${OLDEST_MAJOR} or newer.`,
        sql: null,
      },
    ]
  },
}
