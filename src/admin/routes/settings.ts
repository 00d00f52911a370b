import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { readServerSettings } from '../../monitor/index.ts'
import type { AdminContext } from '../context.ts'
import { problemResponses } from '../problem.ts'

const LIFE_MS = 5_000

/** How Holdfast and the server are set. */
export const settingRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  const tags = ['database']

  app.get(
    '/v1/configuration',
    {
      config: { access: 'viewer' },
      schema: {
        tags,
        summary:
          'Options of this process and who decided each; secrets are masked. Empty where it does not say.',
        response: {
          200: Type.Object({
            data: Type.Array(
              Type.Object({
                name: Type.String(),
                value: Type.String({ description: 'As JSON; secrets as ***' }),
                source: Type.String({ description: 'default, a file, environment NAME, argument' }),
                env: Type.Array(Type.String(), { description: 'Variables of the environment that set it' }),
              }),
            ),
          }),
          ...problemResponses,
        },
      },
    },
    () => ({
      data: context.configuration.map(({ name, value, source, env }) => ({
        name,
        value: JSON.stringify(value) ?? '',
        source,
        env: [...env],
      })),
    }),
  )

  app.get(
    '/v1/database/settings',
    {
      config: { access: 'viewer' },
      schema: {
        tags,
        summary: 'Settings of the server that somebody has changed.',
        response: {
          200: Type.Object({
            data: Type.Array(
              Type.Object({
                name: Type.String(),
                value: Type.String(),
                usual: Type.String({ description: 'What PostgreSQL comes with' }),
                source: Type.String(),
                needs_restart: Type.Boolean(),
                is_pending_restart: Type.Boolean({ description: 'Changed, and not in effect yet' }),
                means: Type.String(),
              }),
            ),
          }),
          ...problemResponses,
        },
      },
    },
    async () => {
      const settings = await context.readings.get('settings', LIFE_MS, () =>
        readServerSettings(context.reader),
      )
      return {
        data: settings.map(({ needsRestart, isPendingRestart, ...one }) => ({
          ...one,
          needs_restart: needsRestart,
          is_pending_restart: isPendingRestart,
        })),
      }
    },
  )
}
