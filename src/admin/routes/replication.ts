import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { readReplication } from '../../monitor/index.ts'
import type { AdminContext } from '../context.ts'
import { nullable, problemResponses } from '../problem.ts'

const bytes = (description: string) => nullable(Type.Number({ description }))
const LIFE_MS = 2_000

const Replication = Type.Object({
  role: Type.Enum(['primary', 'standby'] as const),
  replicas: Type.Array(
    Type.Object({
      name: Type.String(),
      address: nullable(Type.String()),
      state: nullable(Type.String({ description: 'Null where this role may not see it' })),
      sync: nullable(Type.String()),
      unsent_bytes: bytes('Log that has not been sent to it'),
      unreplayed_bytes: bytes('Log that it has not replayed'),
      lag_seconds: nullable(Type.Number({ description: 'How old what it shows is' })),
    }),
  ),
  slots: Type.Array(
    Type.Object({
      name: Type.String(),
      kind: Type.String(),
      is_active: Type.Boolean(),
      retained_bytes: bytes('Log that is kept for it'),
      wal_status: nullable(Type.String()),
    }),
  ),
  receiver: nullable(
    Type.Object(
      {
        is_receiving: Type.Boolean(),
        from: nullable(Type.String()),
        unreplayed_bytes: bytes('Received and not replayed yet'),
        lag_seconds: nullable(Type.Number()),
      },
      { description: 'Null on a primary' },
    ),
  ),
})

/** Who follows this server, and whom it follows. */
export const replicationRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  app.get(
    '/v1/database/performance/replication',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['performance'],
        summary: 'Replicas and how far they are behind, slots and what is kept for them.',
        response: { 200: Replication, ...problemResponses },
      },
    },
    async () => {
      const { role, replicas, slots, receiver } = await context.readings.get('replication', LIFE_MS, () =>
        readReplication(context.reader),
      )
      return {
        role,
        replicas: replicas.map(({ unsentBytes, unreplayedBytes, lagSeconds, ...one }) => ({
          ...one,
          unsent_bytes: unsentBytes,
          unreplayed_bytes: unreplayedBytes,
          lag_seconds: lagSeconds,
        })),
        slots: slots.map(({ isActive, retainedBytes, walStatus, ...one }) => ({
          ...one,
          is_active: isActive,
          retained_bytes: retainedBytes,
          wal_status: walStatus,
        })),
        receiver: receiver && {
          is_receiving: receiver.isReceiving,
          from: receiver.from,
          unreplayed_bytes: receiver.unreplayedBytes,
          lag_seconds: receiver.lagSeconds,
        },
      }
    },
  )
}
