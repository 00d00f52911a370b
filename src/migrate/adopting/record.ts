import type pg from 'pg'
import { readMigrations } from '../format/folder.ts'
import { readHistory, recordAttempt } from '../history/history.ts'
import { adoptSquashed } from '../running/pending.ts'
import { asRunner, type RunOptions } from '../running/runner.ts'
import type { MigrateTarget } from '../running/session.ts'
import { baselineOf, type Named } from './folders.ts'
import type { RanBefore } from './old-tool.ts'

/**
 * Writes down in the history of a database what the tool ran on it.
 * @returns ids of those that were not written down before
 */
export async function writeDown(
  target: MigrateTarget,
  old: readonly Named[],
  ran: readonly RanBefore[],
  options: RunOptions & { readonly tool: string; readonly isDryRun?: boolean | undefined },
): Promise<string[]> {
  const byName = new Map(ran.map((one) => [one.name, one]))
  const migrations = options.isDryRun ? [] : readMigrations(target.directory)
  const checksums = new Map(migrations.map(({ id, checksum }) => [id, checksum]))
  return asRunner(target, options, async ({ client }) => {
    const entries = await readHistory(client, target.history)
    // What was taken back or squashed since must not come back.
    const known = new Set(
      entries.filter(({ status }) => status === 'applied').map(({ migrationId }) => migrationId),
    )
    const news = old.filter(({ id, name }) => byName.has(name) && !known.has(id))
    if (options.isDryRun) return news.map(({ id }) => id)
    await client.query('BEGIN')
    for (const { id, name, fileHash } of news)
      await recordImport(
        client,
        target,
        id,
        checksums.get(id) ?? fileHash,
        byName.get(name) as RanBefore,
        options.tool,
      )
    await client.query('COMMIT')
    const last = baselineOf(migrations, old)
    if (last && !known.has(last.id)) await adoptSquashed(client, target.history, last)
    return news.map(({ id }) => id)
  })
}

async function recordImport(
  client: pg.Client,
  { history }: MigrateTarget,
  id: string,
  checksum: string,
  { name, at, isChanged }: RanBefore,
  tool: string,
): Promise<void> {
  const time = at ?? new Date()
  const when = at === null ? `, at a time that ${tool} does not write down` : ''
  await recordAttempt(client, history, {
    id,
    checksum,
    direction: 'up',
    method: 'import',
    reason: `${tool} ran it as "${name}"${when}${isChanged ? '; the file has changed since' : ''}`,
    startedAt: time,
    finishedAt: time,
    statements: [],
    retries: 0,
  })
}
