import pg from 'pg'
import { afterAll, beforeAll, inject, vi } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../src/testing/index.ts'

/**
 * Gives the test file a database of its own. When one of its tests failed it is kept, and its URL printed.
 *
 * @param kind `migrated` has Holdfast's schema, `empty` has nothing.
 */
export function useDatabase(kind: 'migrated' | 'empty' = 'migrated'): {
  readonly url: string
  readonly name: string
} {
  let database: TestDatabase | undefined
  beforeAll(async () => {
    database = await createTestDatabase(
      inject('serverUrl'),
      kind === 'migrated' ? inject('templateName') : undefined,
    )
  })
  // oxlint-disable-next-line no-empty-pattern -- the runner reads this pattern and insists on it
  afterAll(async ({}, suite) => {
    const failed = suite.tasks.some(hasFailed)
    if (failed)
      console.error(`Kept for a look: ${database?.url} (HOLDFAST_TEST_KEEP=1 keeps the server, too)`)
    else await database?.drop()
  })
  return whenMade(() => database)
}

/** What is of a database that a hook makes later: asking for it before that is a mistake of the test. */
export function whenMade(made: () => { readonly url: string; readonly name: string } | undefined): {
  readonly url: string
  readonly name: string
} {
  const it = (): { readonly url: string; readonly name: string } => {
    const database = made()
    if (!database) throw new Error('the database is there from beforeAll on')
    return database
  }
  return {
    get url() {
      return it().url
    },
    get name() {
      return it().name
    },
  }
}

interface TaskLike {
  readonly result?: { readonly state?: string } | undefined
  readonly tasks?: readonly TaskLike[]
}

function hasFailed(task: TaskLike): boolean {
  return task.result?.state === 'fail' || (task.tasks?.some(hasFailed) ?? false)
}

/** One statement on a connection of its own. */
export async function queryAt(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** Does something while nobody gets into a database, and those who were in are thrown out. */
export async function whileGone(url: string, work: () => Promise<void>): Promise<void> {
  const name = new URL(url).pathname.slice(1)
  const elsewhere = new URL(url)
  elsewhere.pathname = '/postgres'
  await queryAt(elsewhere.href, `ALTER DATABASE "${name}" ALLOW_CONNECTIONS false`)
  try {
    await queryAt(
      elsewhere.href,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
    )
    await work()
  } finally {
    await queryAt(elsewhere.href, `ALTER DATABASE "${name}" ALLOW_CONNECTIONS true`)
  }
}

/** Settles when another session waits for what this one holds. */
export async function untilBlocking(client: pg.Client, url: string): Promise<void> {
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
  await vi.waitFor(
    async () => {
      const waiting = await queryAt(
        url,
        `SELECT FROM pg_locks WHERE NOT granted AND ${Number(rows[0].pid)} = ANY (pg_blocking_pids(pid))`,
      )
      if (waiting.length === 0) throw new Error('nobody waits for it')
    },
    { timeout: 60_000, interval: 5 },
  )
}
