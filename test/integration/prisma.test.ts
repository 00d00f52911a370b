/** Prisma's pg adapter on our pool; its client is generated here, without a download. */
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { useDatabase } from '../support/database.ts'
import { usePools } from '../support/pools.ts'

const database = useDatabase('empty')
const makePool = usePools(database, { size: 6, overflow: 0 })
const SCHEMA = fileURLToPath(new URL('../support/prisma/schema.prisma', import.meta.url))
/** Where the schema says that the client goes: no source of ours, and no package. */
const GENERATED = fileURLToPath(new URL('../../.generated/prisma/client.ts', import.meta.url))

interface Parcel {
  readonly id: number
  readonly owner: string
  readonly grams: number
  readonly status: string
}

/** As much of the generated client as the test uses: at the time of type checking it is not there yet. */
interface Client {
  readonly parcel: {
    create(args: { data: Partial<Parcel> }): Promise<Parcel>
    findMany(args: object): Promise<Parcel[]>
    updateMany(args: object): Promise<{ count: number }>
    count(args?: object): Promise<number>
  }
  $transaction<T>(work: (tx: Client) => Promise<T>, limits: { maxWait: number; timeout: number }): Promise<T>
  $queryRaw(parts: TemplateStringsArray, ...values: unknown[]): Promise<unknown>
  $disconnect(): Promise<void>
}

beforeAll(async () => {
  const cli = createRequire(import.meta.url).resolve('prisma/build/index.js')
  await promisify(execFile)(process.execPath, [cli, 'generate', '--schema', SCHEMA], {
    // Otherwise it looks for an engine to download, which the adapter does not need.
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', CHECKPOINT_DISABLE: '1' },
  })
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query(
    "CREATE TABLE parcels (id serial PRIMARY KEY, owner text NOT NULL, grams int NOT NULL, status text NOT NULL DEFAULT 'new')",
  )
  await client.end()
})

test('creates, finds, and rolls an interactive transaction back', async () => {
  const pool = makePool()
  const { PrismaClient } = (await import(GENERATED)) as {
    PrismaClient: new (options: { adapter: PrismaPg }) => Client
  }
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) })
  await Promise.all(
    Array.from({ length: 40 }, (_, grams) => prisma.parcel.create({ data: { owner: 'ann', grams } })),
  )
  const heavy = await prisma.parcel.findMany({ where: { grams: { gte: 38 } }, orderBy: { grams: 'asc' } })
  expect(heavy.map(({ grams, status }) => [grams, status])).toEqual([
    [38, 'new'],
    [39, 'new'],
  ])
  const failing = prisma.$transaction(
    async (tx) => {
      expect(await tx.parcel.updateMany({ where: { owner: 'ann' }, data: { status: 'lost' } })).toEqual({
        count: 40,
      })
      throw new Error('back')
    },
    { maxWait: 60_000, timeout: 60_000 },
  )
  await expect(failing).rejects.toThrow('back')
  expect(await prisma.parcel.count({ where: { status: 'new' } })).toBe(40)
  expect(await prisma.$queryRaw`SELECT sum(grams)::int AS grams FROM parcels WHERE owner = ${'ann'}`).toEqual(
    [{ grams: 780 }],
  )
  await prisma.$disconnect()
  expect(pool.stats()).toMatchObject({ busy: 0, dirtyReleases: 0 })
  expect((await pool.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]) // it is ours to end
})
