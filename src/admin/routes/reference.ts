import { readFile } from 'node:fs/promises'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { AdminContext } from '../context.ts'
import { routeNotFound } from '../errors.ts'
import { referenceStyle, renderReference } from '../reference-page.ts'

const PUBLIC = { access: 'public' } as const
const ERROR_PAGES = new URL('../../../docs/errors/', import.meta.url)

/** The API describes itself: as OpenAPI, and as a page that needs no script. */
export const referenceRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (app) => {
  const hide = { hide: true } as const

  app.get('/openapi.json', { config: PUBLIC, schema: hide }, async () => app.swagger())

  app.get('/docs', { config: PUBLIC, schema: hide }, async (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('cache-control', 'no-store')
      .send(renderReference(app.swagger())),
  )

  app.get('/docs/style.css', { config: PUBLIC, schema: hide }, async (_request, reply) =>
    reply.type('text/css; charset=utf-8').send(referenceStyle),
  )

  app.get(
    '/docs/errors/:code',
    {
      config: PUBLIC,
      schema: { ...hide, params: Type.Object({ code: Type.String({ pattern: '^HF_[A-Z0-9_]{1,80}$' }) }) },
    },
    async (request, reply) => {
      const { code } = request.params
      const page = await readFile(new URL(`${code}.md`, ERROR_PAGES), 'utf8').catch(() => undefined)
      if (page === undefined) throw routeNotFound('GET', request.url, app.prefix)
      return reply.type('text/plain; charset=utf-8').send(page)
    },
  )
}
