/** The service of the HTTP benchmark: `http-service.ts holdfast|pg.Pool <database url>`. */
import Fastify from 'fastify'
import pg from 'pg'
import { Pool } from '../src/pool/index.ts'

const [kind, connectionString] = process.argv.slice(2) as [string, string]
const READ = 'SELECT id, name, price FROM items WHERE id = $1'
const app = Fastify()

if (kind === 'holdfast') {
  const pool = new Pool({ connectionString, size: 10, overflow: 0 })
  app.get<{ Params: { id: string } }>('/items/:id', async ({ params }) => {
    const { rows } = await pool.query(READ, [params.id])
    return rows[0]
  })
  app.addHook('onClose', () => pool.end())
} else {
  const pool = new pg.Pool({ connectionString, max: 10 })
  app.get<{ Params: { id: string } }>('/items/:id', async ({ params }) => {
    const { rows } = await pool.query({ name: 'read', text: READ, values: [params.id] })
    return rows[0]
  })
  app.addHook('onClose', () => pool.end())
}

await app.listen({ port: 0, host: '127.0.0.1' })
const address = app.server.address()
process.send?.(typeof address === 'object' ? address?.port : undefined)
process.once('disconnect', () => void app.close())
