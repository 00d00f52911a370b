import type { ServerResponse } from 'node:http'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { type ChannelEvent, Scheduler, type Unsubscribe } from '../../core/index.ts'
import type { Identity } from '../console-sessions.ts'
import type { AdminContext } from '../context.ts'
import { tooManyStreams } from '../errors.ts'
import { problemResponses } from '../problem.ts'

const MOST_STREAMS = 100
/** Of one session or token: nobody takes them all. Browsers open six connections to a server. */
const MOST_OF_ONE = 6
const HEARTBEAT_MS = 15_000
/** A reader that has fallen this far behind is cut off; it resumes with Last-Event-ID. */
const MOST_UNREAD_BYTES = 1_048_576

interface Stream {
  readonly response: ServerResponse
  readonly identity: Identity
  readonly unsubscribe: Unsubscribe
}

const encode = ({ id, type, at, data }: ChannelEvent): string =>
  `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ at: new Date(at).toISOString(), ...(data as object) })}\n\n`

/** The live picture as server-sent events. */
export const eventRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (app, { context }) => {
  const { live, sessions } = context
  const streams = new Set<Stream>()
  const scheduler = new Scheduler((name, error) => app.log.error({ err: error }, `${name} failed`))

  const end = (stream: Stream): void => {
    stream.unsubscribe()
    streams.delete(stream)
    stream.response.end()
  }

  scheduler.every('heartbeat', HEARTBEAT_MS, () => {
    for (const stream of streams) {
      // Whoever was signed out stops seeing, too.
      if (sessions.isLive(stream.identity)) stream.response.write(': still here\n\n')
      else end(stream)
    }
  })
  app.addHook('preClose', async () => {
    for (const stream of streams) end(stream)
    await scheduler.stop()
  })

  app.get(
    '/v1/events',
    {
      config: { access: 'viewer' },
      exposeHeadRoute: false, // it would never end
      schema: {
        tags: ['live'],
        summary: 'Server-sent events: pool each second, database each five, health when it changes.',
        description:
          'Begins with the latest of each type, or resumes after the id in Last-Event-ID, as far as the last 600 events go. A comment every 15 s keeps it open.',
        headers: Type.Object({ 'last-event-id': Type.Optional(Type.String({ pattern: '^[0-9]{1,15}$' })) }),
        produces: ['text/event-stream'],
        response: { 200: Type.String({ description: 'text/event-stream' }), ...problemResponses },
      },
    },
    (request, reply) => {
      const identity = request.identity as Identity
      const own = [...streams].filter((stream) => stream.identity.id === identity.id)
      if (own.length >= MOST_OF_ONE) throw tooManyStreams(MOST_OF_ONE)
      if (streams.size >= MOST_STREAMS) throw tooManyStreams(MOST_STREAMS)
      const lastSeen = request.headers['last-event-id']
      const response = reply.raw
      reply.hijack()
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) response.setHeader(name, value)
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no', // nginx would collect events otherwise
      })
      response.write('retry: 2000\n\n')
      const unsubscribe = live.channel.subscribe(
        (event) => {
          // Whose session was ended sees nothing more, whatever comes next.
          if (!sessions.isLive(identity)) return void response.end()
          response.write(encode(event))
          if (response.writableLength > MOST_UNREAD_BYTES) response.destroy()
        },
        lastSeen === undefined ? undefined : Number(lastSeen),
      )
      const stream: Stream = { response, identity, unsubscribe }
      streams.add(stream)
      response.on('close', () => end(stream))
      response.on('error', () => end(stream))
    },
  )
}
