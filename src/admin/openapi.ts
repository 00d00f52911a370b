import Fastify from 'fastify'
import { Pool } from '../pool/index.ts'
import { Admin } from './admin.ts'

/** The API's description as OpenAPI 3.1, for clients and the committed reference. Connects to nothing. */
export async function describeApi(): Promise<object> {
  const pool = new Pool()
  const app = Fastify()
  await app.register(async (inner) => {
    await inner.register(new Admin({ pool }).plugin)
  })
  try {
    await app.ready()
    const response = await app.inject({ url: '/openapi.json' })
    return response.json<object>()
  } finally {
    await app.close()
    await pool.end()
  }
}
