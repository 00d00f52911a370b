/** Migrations over HTTP: what ran, what is pending, the way back, backfills. */
import { describe, expect, test } from 'vitest'
import { migrateUp } from '../../src/migrate/index.ts'
import { useAdminServer } from '../support/admin-server.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { MigrationFolder } from '../support/migration-folder.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
let folder: MigrationFolder | undefined
const theFolder = (): MigrationFolder => (folder ??= new MigrationFolder(database.url))
const server = useAdminServer(database, () => ({ migrations: theFolder().target }))

async function ask(
  path: string,
  role: 'viewer' | 'operator' = 'viewer',
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await server().get(path, server().bearer(role))
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

describe('/v1/database/migrations', () => {
  test('shows what ran, by whom and how long, and what is pending with its locks and findings', async () => {
    const ran = theFolder().add({
      'up.sql': 'CREATE TABLE shown (id int PRIMARY KEY, name text)',
      'down.sql': 'DROP TABLE shown',
      'backfill.ts': "export default { table: 'shown', key: 'id', batch: 'SELECT $1::int[]' }",
    })
    await migrateUp(theFolder().target)
    const pending = theFolder().add('CREATE INDEX shown_name ON shown (name)')
    const { body: list } = await ask('/v1/database/migrations')
    expect(list.data).toMatchObject([
      {
        id: ran,
        state: 'applied',
        has_down: true,
        method: 'run',
        applied_by: expect.stringContaining('postgres'),
      },
      { id: pending, state: 'pending', applied_at: null },
    ])
    const { body: plan } = await ask('/v1/database/migrations/pending')
    expect(plan.data).toMatchObject([
      {
        id: pending,
        statements: [
          {
            lock: 'SHARE',
            blocks: { tables: ['public.shown'], what: 'writes' },
            findings: [
              { rule: 'create-index-not-concurrent', safe: expect.stringContaining('CONCURRENTLY') },
            ],
          },
        ],
      },
    ])
    const { body: history } = await ask('/v1/database/migrations/history?limit=10')
    expect(history.data).toMatchObject([{ id: ran, direction: 'up', status: 'applied', statements: 1 }])
    const { body: backfills } = await ask('/v1/database/migrations/backfills')
    expect(backfills.data).toMatchObject([{ id: ran, table: 'shown', state: 'done', rows_done: 0 }])
  })

  test('plans the way back for an operator, and counts what would be lost', async () => {
    await queryAt(database.url, "INSERT INTO shown VALUES (1, 'x'), (2, 'y')")
    expect((await ask('/v1/database/migrations/rollback-plan')).status).toBe(403)
    const { body } = await ask('/v1/database/migrations/rollback-plan', 'operator')
    expect(body).toMatchObject({
      verdict: 'lossy',
      rows_at_risk: 2,
      row_limit: 100,
      steps: [{ at_risk: [{ object: 'public.shown', rows: 2 }] }],
    })
  })

  test('pauses and resumes a backfill for an operator; one that is not there has its code', async () => {
    const post = async (
      path: string,
      role: 'viewer' | 'operator',
    ): Promise<{ status: number; body: Record<string, unknown> }> => {
      const response = await fetch(`${server().server.url}${path}`, {
        method: 'POST',
        headers: server().bearer(role),
      })
      return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    }
    const [{ id }] = (await ask('/v1/database/migrations/backfills')).body.data as [{ id: string }]
    await queryAt(database.url, "UPDATE holdfast.backfills SET state = 'pending'")
    expect((await post(`/v1/database/migrations/backfills/${id}/pause`, 'viewer')).status).toBe(403)
    expect((await post(`/v1/database/migrations/backfills/${id}/pause`, 'operator')).body).toMatchObject({
      id,
      state: 'paused',
    })
    expect((await post(`/v1/database/migrations/backfills/${id}/resume`, 'operator')).body).toMatchObject({
      id,
      state: 'pending',
    })
    expect(await post('/v1/database/migrations/backfills/nothing/pause', 'operator')).toMatchObject({
      status: 404,
      body: { code: 'HF_BACKFILL_UNKNOWN' },
    })
  })
})
