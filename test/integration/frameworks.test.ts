import 'reflect-metadata'
import { Controller, Get, Inject, Module, Param, type Type } from '@nestjs/common'
import { ExternalContextCreator, NestFactory } from '@nestjs/core'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import Fastify from 'fastify'
import { type Kysely, sql } from 'kysely'
import { beforeAll, describe, expect, test } from 'vitest'
import { holdfastPlugin } from '../../src/fastify/index.ts'
import { createHoldfast } from '../../src/index.ts'
import { BATCH, DATABASE, HOLDFAST, HoldfastModule, POOL } from '../../src/nestjs/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { Batch, keyset, repository, type Repository } from '../../src/query/index.ts'
import type { Holdfast } from '../../src/index.ts'
import { useDatabase } from '../support/database.ts'

interface Town {
  streets: { id: number; name: string }
}

const database = useDatabase('empty')
const config = () => ({
  environment: 'test' as const,
  database: { url: database.url, pool: { size: 2, overflow: 0 } },
})

beforeAll(async () => {
  const pool = new Pool({ connectionString: database.url })
  await pool.query(`
    CREATE TABLE streets (id int PRIMARY KEY, name text NOT NULL);
    INSERT INTO streets SELECT n, 'Street ' || n FROM generate_series(1, 30) n`)
  await pool.end()
})

type Streets = Repository<Town, 'streets', { key: 'id' }>

describe('in Fastify', () => {
  test('app and request are decorated, errors have their status, closing closes', async () => {
    const app = Fastify()
    await app.register(holdfastPlugin, { config: config(), actor: (request) => `from ${request.ip}` })
    const db = app.db as Kysely<Town>
    const streets: Streets = repository(db, 'streets', { key: 'id' })
    app.get('/streets', async (request) => {
      const { after } = request.query as { after?: string }
      return keyset(db.selectFrom('streets').select('id'), {
        key: 'id',
        limit: 2,
        after,
        cursors: app.holdfast.cursors,
      })
    })
    app.get<{ Params: { id: number } }>('/streets/:id', ({ params }) => streets.get(Number(params.id)))
    app.get('/names', async (request) => {
      const source = streets.by('id')
      return Promise.all([1, 2, 1].map(async (id) => (await request.batch.one(source, id))?.name))
    })
    app.get('/actor', async (request) =>
      request.transaction(async (trx) => {
        const { rows } = await sql<{
          actor: string
        }>`select current_setting('holdfast.actor') as actor`.execute(trx)
        return rows[0]
      }),
    )
    const get = async (url: string) => {
      const response = await app.inject({ url })
      return { status: response.statusCode, body: response.json() }
    }
    const first = await get('/streets')
    expect(first.body.rows).toEqual([{ id: 1 }, { id: 2 }])
    expect((await get(`/streets?after=${first.body.next}`)).body.rows).toEqual([{ id: 3 }, { id: 4 }])
    expect(await get(`/streets?after=x${first.body.next}`)).toMatchObject({
      status: 400,
      body: { code: 'HF_CURSOR_INVALID' },
    })
    expect(await get('/streets/7')).toEqual({ status: 200, body: { id: 7, name: 'Street 7' } })
    expect(await get('/streets/99')).toMatchObject({ status: 404, body: { code: 'HF_ROW_NOT_FOUND' } })
    expect((await get('/names')).body).toEqual(['Street 1', 'Street 2', 'Street 1'])
    expect((await get('/actor')).body).toEqual({ actor: 'from 127.0.0.1' })
    const labels = app.holdfast.pool.labels().map(({ label }) => label)
    expect(labels).toEqual(
      expect.arrayContaining(['GET /streets', 'GET /streets/:id', 'GET /names', 'GET /actor']),
    )
    const { pool } = app.holdfast
    await app.close()
    expect(pool.ended).toBe(true)
  })

  test('one that is there already can be kept', async () => {
    const holdfast = await createHoldfast(config())
    const app = Fastify()
    await app.register(holdfastPlugin, { holdfast, closes: false })
    app.get('/', () => app.db.selectFrom('streets').select('id').limit(1).execute())
    expect((await app.inject({ url: '/' })).json()).toHaveLength(1)
    await app.close()
    expect(holdfast.pool.ended).toBe(false)
    await holdfast.close()
  })
})

/** Decorators, called: the test runner's compiler leaves the old kind alone. */
function decorate(target: Type, name: string, path: string): void {
  Get(path)(
    target.prototype as object,
    name,
    Object.getOwnPropertyDescriptor(target.prototype, name) as PropertyDescriptor,
  )
}

class StreetsController {
  readonly db: Kysely<Town>
  readonly batch: Batch
  readonly holdfast: Holdfast

  constructor(db: Kysely<Town>, batch: Batch, holdfast: Holdfast) {
    this.db = db
    this.batch = batch
    this.holdfast = holdfast
  }

  async names(): Promise<unknown> {
    const source = repository(this.db, 'streets', { key: 'id' }).by('id')
    return Promise.all([3, 4, 3].map(async (id) => (await this.batch.one(source, id))?.name))
  }

  async one(id: string): Promise<unknown> {
    return repository(this.db, 'streets', { key: 'id' }).get(Number(id))
  }
}
Controller('streets')(StreetsController)
Inject(DATABASE)(StreetsController, undefined, 0)
Inject(BATCH)(StreetsController, undefined, 1)
Inject(HOLDFAST)(StreetsController, undefined, 2)
decorate(StreetsController, 'names', 'names')
decorate(StreetsController, 'one', ':id')
Param('id')(StreetsController.prototype, 'one', 0)

describe('in NestJS', () => {
  test('the database is injected, errors have their status, statements their handler, closing closes', async () => {
    const App = function App() {} as unknown as Type
    Module({
      imports: [HoldfastModule.forRootAsync({ useFactory: () => ({ config: config() }) })],
      controllers: [StreetsController],
    })(App)
    const app = await NestFactory.create<NestFastifyApplication>(App, new FastifyAdapter(), { logger: false })
    // Guards come before interceptors.
    app.useGlobalGuards({
      canActivate: async (context) => {
        if (context.getType() !== 'http') return true
        const { query } = context.switchToHttp().getRequest<{ query: { guarded?: string } }>()
        if (query.guarded) await repository(app.get<Kysely<Town>>(DATABASE), 'streets', { key: 'id' }).get(99)
        return true
      },
    })
    await app.init()
    const get = async (url: string) => {
      const response = await app.inject({ method: 'GET', url })
      return { status: response.statusCode, body: response.json() }
    }
    expect(await get('/streets/names')).toEqual({ status: 200, body: ['Street 3', 'Street 4', 'Street 3'] })
    expect(await get('/streets/5')).toMatchObject({ status: 200, body: { name: 'Street 5' } })
    const missing = { status: 404, body: { statusCode: 404, code: 'HF_ROW_NOT_FOUND' } }
    expect(await get('/streets/5?guarded=1')).toMatchObject(missing)
    expect(await get('/streets/99')).toMatchObject({
      status: 404,
      body: { statusCode: 404, code: 'HF_ROW_NOT_FOUND' },
    })
    // Elsewhere than in HTTP the error goes to whoever asked, as it is.
    const resolver = {
      one: () => repository(app.get<Kysely<Town>>(DATABASE), 'streets', { key: 'id' }).get(99),
    }
    const outside = app
      .get(ExternalContextCreator)
      .create(resolver, resolver.one, 'one', undefined, undefined, undefined, undefined, undefined, 'graphql')
    await expect(outside()).rejects.toMatchObject({ code: 'HF_ROW_NOT_FOUND' })
    const pool = app.get<Pool>(POOL)
    expect(pool.labels().map(({ label }) => label)).toEqual(
      expect.arrayContaining(['GET StreetsController.names', 'GET StreetsController.one']),
    )
    await app.close()
    expect(pool.ended).toBe(true)
  })
})
