import Fastify, { type FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import type { Holdfast } from 'holdfast'
import { uuidv7 } from 'holdfast/core'
import { holdfastPlugin } from 'holdfast/fastify'
import { createMany, keyset, paginate, repository } from 'holdfast/kysely'
import type { DB } from './database.ts'
import { byId, byPage, byTitle, change, newActivity, newSession } from './shapes.ts'

declare module 'holdfast/fastify' {
  interface HoldfastTypes {
    database: DB
  }
}

interface Leafing {
  after?: string
  before?: string
}

const DAYS_OF_A_SESSION = 7

/** The demo's own API: documents, their workflows, who did what. */
export async function createService(holdfast: Holdfast<DB>): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(holdfastPlugin, {
    holdfast,
    closes: false,
    actor: ({ body }) => (body as { userId?: string } | undefined)?.userId,
  })
  app.get('/', async () => ({
    service: 'the demo of Holdfast',
    routes: [
      'GET /projects/:id/documents?after=',
      'GET /documents?title=',
      'GET /documents/:id',
      'PATCH /documents/:id',
      'DELETE /documents/:id',
      'POST /documents/:id/restore',
      'GET /users?page=',
      'GET /users/:id/activity?after=',
      'POST /activity',
      'POST /sessions',
      'POST /workflows/advance',
    ],
  }))
  addDocuments(app)
  addUsers(app)
  addWorkflows(app)
  return app
}

function addDocuments(app: FastifyInstance): void {
  const { db } = app
  const users = repository(db, 'users', { key: 'id' })
  const documents = repository(db, 'documents', {
    key: 'id',
    version: 'version',
    updatedAt: 'updated_at',
    deletedAt: 'deleted_at',
    cursors: app.holdfast.cursors,
  })

  app.get<{ Params: { id: string }; Querystring: Leafing }>(
    '/projects/:id/documents',
    byId,
    async ({ params, query, batch }) => {
      const page = await documents.list({
        after: query.after,
        before: query.before,
        filter: { project_id: params.id },
        sort: [{ by: 'updated_at', direction: 'desc' }],
      })
      const rows = await Promise.all(
        page.rows.map(async ({ id, title, version, updated_at, author_id }) => {
          const author = await batch.one(users.by('id'), author_id)
          return { id, title, version, updated_at, author: author?.name }
        }),
      )
      return { ...page, rows }
    },
  )

  app.get<{ Params: { id: string } }>('/documents/:id', byId, ({ params }) => documents.get(params.id))

  // Planted: no index helps a pattern that begins with %.
  app.get<{ Querystring: { title: string } }>('/documents', byTitle, ({ query }) =>
    db
      .selectFrom('documents')
      .select(['id', 'title'])
      .where('title', 'ilike', `%${query.title}%`)
      .limit(20)
      .execute(),
  )

  app.patch<{ Params: { id: string }; Body: { userId: string; title?: string; version?: number } }>(
    '/documents/:id',
    change,
    (request) =>
      request.transaction(async (trx) => {
        const { userId, title, version } = request.body
        const changed = await documents
          .using(trx)
          .update(
            request.params.id,
            title === undefined ? {} : { title },
            version === undefined ? undefined : { version },
          )
        await trx
          .insertInto('activity_logs')
          .values({
            occurred_at: sql<Date>`now()`,
            user_id: userId,
            action: 'document.update',
            entity_id: changed.id,
            duration_ms: 3,
          })
          .execute()
        return { version: changed.version }
      }),
  )

  app.delete<{ Params: { id: string } }>('/documents/:id', byId, ({ params }) =>
    documents.softDelete(params.id),
  )

  app.post<{ Params: { id: string } }>('/documents/:id/restore', byId, ({ params }) =>
    documents.restore(params.id),
  )
}

function addUsers(app: FastifyInstance): void {
  const { db, holdfast } = app
  const { time } = holdfast.timings
  const sessions = repository(db, 'sessions', { key: 'id', newKey: uuidv7 })

  app.get<{ Querystring: { page?: number } }>('/users', byPage, ({ query }) =>
    paginate(db.selectFrom('users').select(['id', 'name', 'role']).orderBy('name').orderBy('id'), {
      page: query.page,
      count: 'estimated',
    }),
  )

  app.get<{ Params: { id: string }; Querystring: Leafing }>(
    '/users/:id/activity',
    byId,
    ({ params, query }) =>
      time('fetch_recent_logs', () =>
        keyset(
          db
            .selectFrom('activity_logs')
            .select(['occurred_at', 'action', 'entity_id', 'duration_ms'])
            .where('user_id', '=', params.id),
          {
            after: query.after,
            before: query.before,
            order: [{ by: 'occurred_at', direction: 'desc' }],
            key: 'id',
            limit: 50,
            cursors: holdfast.cursors,
            scope: params.id,
          },
        ),
      ),
  )

  app.post<{ Body: { userId: string; action: string; durationMs: number }[] }>(
    '/activity',
    newActivity,
    async ({ body }, reply) => {
      const occurred_at = new Date()
      const rows = body.map(({ userId, action, durationMs }) => ({
        occurred_at,
        user_id: userId,
        action,
        duration_ms: durationMs,
      }))
      return reply.code(201).send({ stored: await createMany(db, 'activity_logs', rows) })
    },
  )

  app.post<{ Body: { userId: string } }>('/sessions', newSession, async ({ body }, reply) => {
    const now = new Date()
    const { id } = await sessions.create({
      user_id: body.userId,
      user_agent: 'demo',
      created_at: now,
      last_activity: now,
      expires_at: new Date(now.getTime() + DAYS_OF_A_SESSION * 86_400_000),
    })
    return reply.code(201).send({ id })
  })
}

function addWorkflows(app: FastifyInstance): void {
  app.post('/workflows/advance', async () => {
    const { numUpdatedRows } = await app.db
      .updateTable('workflow_instances')
      .set({ state: 'done', finished_at: sql<Date>`now()` })
      .where('id', '=', (eb) =>
        eb
          .selectFrom('workflow_instances')
          .select('id')
          .where('finished_at', 'is', null)
          .orderBy('started_at')
          .limit(1)
          .forUpdate()
          .skipLocked(),
      )
      .executeTakeFirstOrThrow()
    return { advanced: Number(numUpdatedRows) }
  })
}
