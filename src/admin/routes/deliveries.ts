import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { DeliveryStore, unsentAsJson } from '../../alerts/index.ts'
import { alertsOf, alertStoreOf } from '../alert-store.ts'
import type { AdminContext } from '../context.ts'
import { errorShown, nullable, problemResponses } from '../problem.ts'
import { roleOf } from '../roles.ts'

const instant = Type.String({ format: 'date-time' })
const tags = ['alerts']
const VIEWER = { access: 'viewer' } as const
const OPERATOR = { access: 'operator' } as const

/** Who is told, and what they have not taken yet. */
export const deliveryRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  app.get(
    '/v1/alerts/deliveries',
    {
      config: VIEWER,
      schema: {
        tags,
        summary: 'What nobody has taken yet, or was given up after a week; the latest first.',
        response: {
          200: Type.Object({
            channels: Type.Array(Type.String(), { description: 'The ways that somebody is told' }),
            data: Type.Array(
              Type.Object({
                id: Type.String(),
                channel: Type.String(),
                title: Type.String(),
                created_at: instant,
                attempts: Type.Integer(),
                error: nullable(Type.String()),
                given_up: Type.Boolean(),
              }),
            ),
          }),
          ...problemResponses,
        },
      },
    },
    async ({ identity }) => {
      const unsent = await new DeliveryStore((await alertStoreOf(context)).place).unsent(100)
      return {
        channels: (context.alerts?.channelNames ?? []).map(String),
        data: unsent.map((one) => ({
          ...unsentAsJson(one),
          error: errorShown(unsentAsJson(one).error, roleOf(identity)),
        })),
      }
    },
  )

  app.post(
    '/v1/alerts/test',
    {
      config: OPERATOR,
      schema: {
        tags,
        summary: 'Sends a test through each channel, and says what came of it.',
        response: {
          200: Type.Object({
            channels: Type.Array(Type.Object({ channel: Type.String(), error: nullable(Type.String()) })),
          }),
          ...problemResponses,
        },
      },
    },
    async () => ({ channels: (await alertsOf(context).test()).map((one) => ({ ...one })) }),
  )
}
