import { type Check, CHANGE } from '../finding.ts'

/** What is lost when each is off. */
const NEEDED: Readonly<
  Record<string, { readonly severity: 'error' | 'warning' | 'info'; readonly lost: string }>
> = {
  fsync: { severity: 'error', lost: 'A power failure destroys the database' },
  full_page_writes: { severity: 'error', lost: 'A power failure may leave half-written blocks' },
  synchronous_commit: { severity: 'warning', lost: 'A crash loses what was committed in the last moments' },
  data_checksums: { severity: 'info', lost: 'Damaged blocks are not noticed' },
}

/** What is committed stays. */
export const durability: Check = {
  id: 'durability',
  category: 'configuration',
  scope: 'production',
  good: 'what is committed survives a crash',
  why: 'A database is where things are put so that they stay.',
  run: async ({ db }) => {
    const { rows } = await db.query<{ name: string; value: string; source: string }>(
      `SELECT name, setting AS value, source FROM pg_catalog.pg_settings WHERE name = ANY ($1) AND setting = 'off' ORDER BY name`,
      [Object.keys(NEEDED)],
    )
    return rows.map(({ name, value, source }) => {
      const { severity, lost } = NEEDED[name] as (typeof NEEDED)[string]
      return {
        severity,
        subject: name,
        message: `${lost}: ${name} is off.`,
        evidence: { setting: name, value, source },
        action:
          name === 'data_checksums'
            ? 'Turn them on while the server is stopped (pg_checksums --enable), or with the next upgrade.'
            : CHANGE,
        sql: name === 'data_checksums' ? null : `ALTER SYSTEM SET ${name} = on;`,
      }
    })
  },
}
