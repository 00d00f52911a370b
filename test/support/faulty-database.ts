import pg from 'pg'
import { type Clock, systemClock } from '../../src/core/index.ts'
import {
  type CheckContext,
  type Depth,
  examine,
  type Finding,
  Reader,
  readIdentity,
} from '../../src/monitor/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { createTestDatabase, type TestDatabase } from '../../src/testing/index.ts'

/** A database with a fault in it, and what is found. */
export class FaultyDatabase {
  readonly url: string
  readonly name: string
  readonly pool: Pool
  readonly #reader: Reader
  readonly #database: TestDatabase

  constructor(database: TestDatabase) {
    this.#database = database
    this.url = database.url
    this.name = database.name
    this.pool = new Pool({ connectionString: database.url })
    this.#reader = new Reader(this.pool, systemClock, 60_000)
  }

  get names(): { url: string; name: string } {
    return { url: this.url, name: this.name }
  }

  /** Runs statements in a session of its own, whose end lets others see at once what it did to the statistics. */
  run(sql: string): Promise<pg.QueryResult> {
    return this.runIn('public', sql)
  }

  /** The same, with the objects of a schema. */
  async runIn(schema: string, sql: string): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: this.url, options: `-c search_path=${schema}` })
    await client.connect()
    try {
      return await client.query(sql)
    } finally {
      await client.end()
    }
  }

  async findings(
    depth: Depth = {},
    more: Partial<CheckContext> & { readonly clock?: Clock } = {},
  ): Promise<Finding[]> {
    const { findings } = await examine(
      {
        db: this.#reader,
        identity: await readIdentity(this.#reader),
        schema: 'holdfast',
        migrations: undefined,
        connectionLimit: 30,
        pool: this.pool.stats(),
        ...more,
      },
      depth,
    )
    return [...findings]
  }

  async drop(): Promise<void> {
    await this.#reader.end()
    await this.pool.end()
    await this.#database.drop()
  }
}

/** Makes a database from a template, plants a fault by `sql`, and drops it after `work`. */
export async function withFault<T>(
  server: string,
  template: string | undefined,
  sql: string,
  work: (database: FaultyDatabase) => Promise<T>,
): Promise<T> {
  const database = new FaultyDatabase(await createTestDatabase(server, template))
  try {
    if (sql !== '') await database.run(sql)
    return await work(database)
  } finally {
    await database.drop()
  }
}

/** Sessions that stay open for a test. */
export async function withSessions<T>(
  url: string,
  count: number,
  work: (...sessions: pg.Client[]) => Promise<T>,
): Promise<T> {
  const sessions = Array.from({ length: count }, () => new pg.Client(url))
  for (const session of sessions) {
    session.on('error', () => {})
    await session.connect()
  }
  try {
    return await work(...sessions)
  } finally {
    for (const session of sessions) await session.end()
  }
}
