import type { Check } from '../finding.ts'

/** The oldest major version that its makers still mend: https://www.postgresql.org/support/versioning/ */
const OLDEST_MAJOR = 14

export const serverVersion: Check = {
  id: 'server-version',
  good: 'PostgreSQL is of a supported version',
  run: async ({ identity }) => {
    const major = Math.floor(identity.versionNumber / 10_000)
    if (major >= OLDEST_MAJOR) return []
    return [
      {
        check: 'server-version',
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
