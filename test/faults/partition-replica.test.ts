/** On a replica there is nothing to do, and nothing is tried. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { installSchema } from '../../src/migrate/index.ts'
import {
  abortConversion,
  archive,
  convert,
  listPartitions,
  maintain,
  manage,
  type PartitionTarget,
  planConversion,
  restoreArchive,
  resumeConversion,
  retain,
  undoConversion,
  unmanage,
  UpkeepSchedule,
} from '../../src/partitions/index.ts'
import { FakeClock } from '../../src/testing/index.ts'
import { type ReplicatedServer, startPair } from '../support/replication.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
let primary: ReplicatedServer
let standby: ReplicatedServer
let target: PartitionTarget
let manifest: string
const folder = scratch('archives')

beforeAll(async () => {
  ;({ primary, standby } = await startPair(scratch('replica')))
  await installSchema(primary.url, 'holdfast', {})
  const at = { url: primary.url, ownSchema: 'holdfast', archivePlaces: [folder] }
  await primary.query(`CREATE TABLE plain (id bigint PRIMARY KEY, at timestamptz NOT NULL)`)
  await primary.query(`CREATE TABLE logs (at timestamptz NOT NULL) PARTITION BY RANGE (at)`)
  await primary.query(
    `CREATE TABLE logs_old PARTITION OF logs FOR VALUES FROM ('2020-01-01') TO ('2020-02-01')`,
  )
  await primary.query(
    `CREATE TABLE logs_older PARTITION OF logs FOR VALUES FROM ('2019-12-01') TO ('2020-01-01')`,
  )
  await manage(at, 'logs', { every: 'month', keep: 1, retention: 'archive', archiveTo: folder })
  const [done] = await archive(at, { table: 'logs', partitions: ['logs_older'] })
  manifest = done?.archives[0] as string
  await standby.catchUpWith(primary)
  target = { url: standby.url, ownSchema: 'holdfast' }
})
afterAll(() => Promise.all([primary?.stop(), standby?.stop()]))

test('upkeep says so and does nothing', async () => {
  const names = async (): Promise<string[]> =>
    (await listPartitions(target, 'logs')).partitions.map(({ name }) => name)
  expect(await names()).toEqual(['logs_old'])
  expect(await maintain(target)).toMatchObject([
    { table: 'public.logs', outcome: 'replica', made: [], error: null },
  ])
  expect(await retain(target)).toMatchObject([{ outcome: 'replica', dropped: [], detached: [], error: null }])
  expect(await archive(target, { table: 'logs', partitions: ['logs_old'] })).toMatchObject([
    { outcome: 'replica' },
  ])
  expect(await names()).toEqual(['logs_old'])
})

test('a schedule is quiet', async () => {
  const clock = new FakeClock()
  const failures: unknown[] = []
  const schedule = new UpkeepSchedule(target, {
    everyMs: 1_000,
    clock,
    onFailure: (...told) => failures.push(told),
  })
  clock.advance(0)
  await schedule.close()
  expect(failures).toEqual([])
})

test('what changes something is refused with one code, and a plan can be looked at', async () => {
  const wishes = { by: 'at', every: 'month' } as const
  expect(await planConversion(target, 'plain', wishes)).toMatchObject({ table: 'public.plain' })
  for (const change of [
    () => convert(target, 'plain', wishes),
    () => resumeConversion(target, 'plain'),
    () => abortConversion(target, 'plain'),
    () => undoConversion(target, 'plain'),
    () => restoreArchive(target, 'logs', { manifest }),
    () => manage(target, 'logs', { every: 'month' }),
    () => unmanage(target, 'logs'),
  ])
    await expect(change()).rejects.toMatchObject({ code: 'HF_PARTITION_REPLICA' })
})
