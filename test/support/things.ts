import { type Generated, Kysely, sql } from 'kysely'
import { Pool } from '../../src/pool/index.ts'
import { beforeAll } from 'vitest'
import { CursorKeys, HoldfastDialect } from '../../src/query/index.ts'
import { useDatabase } from './database.ts'
import { usePools } from './pools.ts'

export interface Walk {
  things: {
    id: Generated<number>
    a: number | null
    b: string | null
    c: Date
    d: number
  }
}

export type Made = Pick<Walk['things'], 'a' | 'b' | 'd'> & { c: string }

export const cursors = new CursorKeys()

/** A table of things with NULLs, ties and microseconds. */
export function useThings(): { readonly connect: () => Kysely<Walk>; readonly makePool: () => Pool } {
  const database = useDatabase('empty')
  const makePool = usePools(database, { size: 3, overflow: 0 })
  const connect = (): Kysely<Walk> => new Kysely<Walk>({ dialect: new HoldfastDialect({ pool: makePool() }) })
  beforeAll(async () => {
    const pool = new Pool({ connectionString: database.url })
    await pool.query(`
      CREATE TABLE things (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, b text, c timestamptz NOT NULL, d float8 NOT NULL)`)
    await pool.end()
  })
  return { connect, makePool }
}

/** Has exactly these in the table, numbered from 1. */
export async function fill(db: Kysely<Walk>, made: readonly Made[]): Promise<void> {
  await sql`truncate things restart identity`.execute(db)
  if (made.length > 0)
    await db
      .insertInto('things')
      .values(made as never)
      .execute()
}
