import Fastify, { type FastifyInstance } from 'fastify'
import { uuidv7 } from 'holdfast/core'
import { type Pool, withLabel } from 'holdfast/pool'

/** The demo's own API: documents, their workflows, who did what. */
export function createService(pool: Pool): FastifyInstance {
  const app = Fastify()

  // Statements and checkouts carry their route: statistics, leaks and reports tell where they come from.
  app.addHook('onRequest', (request, _reply, done) => {
    withLabel(`${request.method} ${request.routeOptions.url ?? '(no route)'}`, done)
  })

  app.get('/', async () => ({
    service: 'the demo of Holdfast',
    routes: [
      'GET /projects/:id/documents',
      'GET /documents?title=',
      'GET /documents/:id',
      'PATCH /documents/:id',
      'POST /sessions',
      'GET /users/:id/activity',
      'POST /workflows/advance',
    ],
  }))

  app.get<{ Params: { id: string } }>('/projects/:id/documents', async ({ params }) => {
    const { rows } = await pool.query(
      'SELECT id, title, version, updated_at FROM documents WHERE project_id = $1 AND deleted_at IS NULL ORDER BY updated_at DESC LIMIT 20',
      [params.id],
    )
    return rows
  })

  app.get<{ Params: { id: string } }>('/documents/:id', async ({ params }, reply) => {
    const { rows } = await pool.query('SELECT * FROM documents WHERE id = $1', [params.id])
    return rows[0] ?? reply.code(404).send({ error: 'no such document' })
  })

  // Planted: no index helps a pattern that begins with %.
  app.get<{ Querystring: { title: string } }>('/documents', async ({ query }) => {
    const { rows } = await pool.query('SELECT id, title FROM documents WHERE title ILIKE $1 LIMIT 20', [
      `%${query.title}%`,
    ])
    return rows
  })

  app.patch<{ Params: { id: string }; Body: { userId: string } }>(
    '/documents/:id',
    async ({ params, body }, reply) => {
      const client = await pool.connect()
      try {
        await client.query('BEGIN')
        const { rows } = await client.query(
          'UPDATE documents SET version = version + 1, updated_at = now() WHERE id = $1 RETURNING version',
          [params.id],
        )
        await client.query(
          "INSERT INTO activity_logs (occurred_at, user_id, action, entity_id, duration_ms) VALUES (now(), $1, 'document.update', $2, 3)",
          [body.userId, params.id],
        )
        await client.query('COMMIT')
        return rows[0] ?? reply.code(404).send({ error: 'no such document' })
      } finally {
        client.release()
      }
    },
  )

  app.post<{ Body: { userId: string } }>('/sessions', async ({ body }, reply) => {
    const id = uuidv7()
    await pool.query(
      `INSERT INTO sessions (id, user_id, user_agent, created_at, last_activity, expires_at)
       VALUES ($1, $2, 'demo', now(), now(), now() + interval '7 days')`,
      [id, body.userId],
    )
    return reply.code(201).send({ id })
  })

  app.get<{ Params: { id: string } }>('/users/:id/activity', async ({ params }) => {
    const { rows } = await pool.query(
      'SELECT occurred_at, action, entity_id, duration_ms FROM activity_logs WHERE user_id = $1 ORDER BY occurred_at DESC LIMIT 50',
      [params.id],
    )
    return rows
  })

  app.post('/workflows/advance', async () => {
    const { rowCount } = await pool.query(
      `UPDATE workflow_instances SET state = 'done', finished_at = now()
        WHERE id = (SELECT id FROM workflow_instances WHERE finished_at IS NULL ORDER BY started_at LIMIT 1 FOR UPDATE SKIP LOCKED)`,
    )
    return { advanced: rowCount }
  })

  return app
}
