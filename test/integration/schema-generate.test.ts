/** From one structure to another, and back: proven on the server, for many pairs. */
import pg from 'pg'
import { describe, inject, test } from 'vitest'
import {
  type Catalog,
  type ChangePlan,
  compareCatalogs,
  planChanges,
  readCatalog,
} from '../../src/schema/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { randomFrom } from '../support/random.ts'
import { changedSchema, randomSchema, schemaSql } from '../support/random-schema.ts'

/** More with `npm run stress:generate`. */
const PAIRS = Number(process.env.HOLDFAST_TEST_PAIRS ?? 16)

async function withDatabase<T>(sql: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const database = await createTestDatabase(inject('serverUrl'))
  const client = new pg.Client(database.url)
  await client.connect()
  try {
    if (sql !== '') await client.query(sql)
    return await work(client)
  } finally {
    await client.end()
    await database.drop()
  }
}

const catalogOf = (sql: string): Promise<Catalog> => withDatabase(sql, readCatalog)

async function apply(client: pg.Client, plan: ChangePlan): Promise<void> {
  for (const { inTransaction, statements } of plan.batches) {
    if (inTransaction) await client.query('BEGIN')
    for (const statement of statements) {
      await client.query(statement).catch((error: unknown) => {
        throw new Error(
          `${(error as Error).message}\n  in: ${statement}\n  of:\n${plan.batches.flatMap((one) => one.statements).join('\n')}`,
        )
      })
    }
    if (inTransaction) await client.query('COMMIT')
  }
}

const inWords = (expected: Catalog, actual: Catalog): string[] =>
  compareCatalogs(expected, actual).map(({ words }) => words)

/** Says all of it in the message: the pair that failed is printed with it. */
function expectNone(words: readonly string[]): void {
  if (words.length > 0) throw new Error(words.join('\n'))
}

describe('pairs of structures at random', () => {
  test.each([0, 1, 2, 3])(
    'the way leads to the other exactly, and back (quarter %i)',
    { timeout: 240_000 * Math.ceil(PAIRS / 100) },
    async (quarter) => {
      for (let seed = quarter * (PAIRS / 4) + 1; seed <= (quarter + 1) * (PAIRS / 4); seed += 1) {
        const random = randomFrom(seed * 7919 * 2)
        const first = randomSchema(random)
        const second = changedSchema(random, first)
        const [from, to] = [schemaSql(first), schemaSql(second)]
        try {
          const wanted = await catalogOf(to)
          await withDatabase(from, async (client) => {
            const before = await readCatalog(client)
            const forward = planChanges(before, wanted)
            expectNone(forward.unsupported)
            await apply(client, forward)
            expectNone(inWords(wanted, await readCatalog(client)))
            const back = planChanges(wanted, before)
            expectNone(back.unsupported)
            await apply(client, back)
            expectNone(inWords(before, await readCatalog(client)))
          })
        } catch (error) {
          throw new Error(`seed ${seed}: ${(error as Error).message}\n-- from\n${from}\n-- to\n${to}`, {
            cause: error,
          })
        }
      }
    },
  )
})
