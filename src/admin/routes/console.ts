import { existsSync } from 'node:fs'
import fastifyStatic from '@fastify/static'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { CONSOLE_DIRECTORY } from '../console-shell.ts'
import type { AdminContext } from '../context.ts'

/** They lie in memory or are kept by browsers: not worth counting, and whoever is locked out has to see why. */
const PUBLIC = { access: 'public', rateLimit: false } as const
const ASSETS = `${CONSOLE_DIRECTORY}assets/`

/** The console's page and what it is made of. Public: what it shows, it asks the API for. */
export const consoleRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  for (const path of ['/', '/sign-in'])
    app.get(path, { config: PUBLIC, schema: { hide: true } }, (request, reply) =>
      context.shell.send(request, reply),
    )

  if (!existsSync(ASSETS)) return
  await app.register(async (assets) => {
    assets.addHook('onRoute', (route) => {
      route.config = { ...route.config, ...PUBLIC }
    })
    // Their names hold a hash of their content: what was fetched once is right for ever.
    await assets.register(fastifyStatic, {
      root: ASSETS,
      prefix: '/assets/',
      wildcard: false,
      index: false,
      decorateReply: false,
      schemaHide: true,
      preCompressed: true,
      immutable: true,
      maxAge: '1y',
    })
  })
}
