/** A cancel is one packet on another connection: nothing keeps it behind the statement that it is meant for. */
import pg from 'pg'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/core/index.ts'
import { cancelUntilEnded } from '../../src/pool/cancel.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase('empty')

test('one that overtook its statement is sent again until the statement has ended', async () => {
  const client = new pg.Client(database.url)
  await client.connect()
  const ended = Promise.withResolvers<unknown>()
  // The session is idle: the server takes no notice of the first request.
  const cancelling = cancelUntilEnded(client, systemClock, ended.promise)
  await new Promise((resolve) => setImmediate(resolve))
  const outcome = client.query('SELECT pg_sleep(60)').catch((error: unknown) => error)
  void outcome.then(ended.resolve)
  expect(await outcome).toMatchObject({ code: '57014' })
  await cancelling
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  await client.end()
})

test('where nothing runs any more, none is sent', async () => {
  const client = new pg.Client(database.url)
  await client.connect()
  await cancelUntilEnded(client, systemClock, Promise.resolve())
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  await client.end()
})
