import type pg from 'pg'
import { resolveOptions, systemClock } from '../../core/index.ts'
import { withUsersPath } from '../../pool/index.ts'
import { searchPathHitsOurs } from '../errors.ts'
import { CONTRACT_GRACE_MS, MIGRATE_OPTIONS, type MigrateOptions } from '../options.ts'
import type { Run } from './job.ts'
import type { OnProgress } from './progress.ts'
import { withRunnerLock } from './runner-lock.ts'
import { type MigrateTarget, resetSession, withClient } from './session.ts'
import { RunnerWatch } from './watch.ts'

/** How any run is done. */
export interface RunOptions extends Partial<Omit<MigrateOptions, 'directory' | 'snapshot'>> {
  readonly onProgress?: OnProgress | undefined
}

const DEFAULTS = resolveOptions('migrate', MIGRATE_OPTIONS, []).values

/** Holds the runner's lock on a session of its own while `work` runs. */
export async function asRunner<T>(
  target: MigrateTarget,
  options: RunOptions,
  work: (run: Run) => Promise<T>,
): Promise<T> {
  const { contractGraceMs = CONTRACT_GRACE_MS } = options
  const resolved = { ...DEFAULTS, ...options, contractGraceMs }
  return withClient(target.url, async (client) => {
    // Also for what is only written down: a repair that a crash forgets would be asked for again.
    await resetSession(client)
    return withRunnerLock(client, target.history, resolved.runnerWaitMs, async () => {
      if (target.searchPath === undefined) await refuseOurSchema(client, target.history.schema)
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      const watch = new RunnerWatch(target.url, rows[0]?.pid ?? 0)
      try {
        const onProgress = options.onProgress ?? (() => {})
        return await work({ client, target, options: resolved, clock: systemClock, watch, onProgress })
      } finally {
        await watch.close()
      }
    })
  })
}

/** By default a role that is named like our schema would make the user's tables in it. */
async function refuseOurSchema(client: pg.Client, schema: string): Promise<void> {
  const { rows } = await withUsersPath(client, () =>
    client.query<{ schema: string | null; role: string }>(
      'SELECT pg_catalog.current_schema() AS schema, current_user AS role',
    ),
  )
  if (rows[0]?.schema === schema) throw searchPathHitsOurs(schema, rows[0].role)
}
