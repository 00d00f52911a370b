/** What requests must look like: Fastify answers 400 to others before they reach the database. */

const uuid = { type: 'string', format: 'uuid' } as const

const object = (properties: object, required: readonly string[] = Object.keys(properties)): object => ({
  type: 'object',
  required,
  properties,
})

export const byId = { schema: { params: object({ id: uuid }) } }

export const byTitle = { schema: { querystring: object({ title: { type: 'string', minLength: 1 } }) } }

export const byPage = { schema: { querystring: object({ page: { type: 'integer', minimum: 1 } }, []) } }

export const change = {
  schema: {
    params: object({ id: uuid }),
    body: object({ userId: uuid, title: { type: 'string', minLength: 1 }, version: { type: 'integer' } }, [
      'userId',
    ]),
  },
}

export const newSession = { schema: { body: object({ userId: uuid }) } }

export const newActivity = {
  schema: {
    body: {
      type: 'array',
      items: object({
        userId: uuid,
        action: { type: 'string' },
        durationMs: { type: 'integer', minimum: 0 },
      }),
    },
  },
}
