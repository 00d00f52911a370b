/** The query layer of an assembled Holdfast: its database, its cursors' keys, its timings. */
import { expect, test } from 'vitest'
import { type ConfigInput, createHoldfast, type Holdfast, loadConfig } from '../../src/index.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase('empty')
const [OLD, NEW] = ['o'.repeat(32), 'n'.repeat(44)]

const assemble = (
  input: ConfigInput,
  env: Record<string, string> = {},
  said: string[] = [],
): Promise<Holdfast> =>
  createHoldfast(
    { ...input, database: { url: `${database.url}?sslmode=disable` } },
    { cwd: scratch('query'), env, onNotice: (text) => void said.push(text) },
  )

test('in production cursors need keys, and open what older ones sealed', async () => {
  await using without = await assemble({ environment: 'production' })
  expect(() => without.cursors).toThrow(expect.objectContaining({ code: 'HF_CONFIG_CURSOR_KEYS_MISSING' }))
  await using before = await assemble({ environment: 'production', query: { cursorKeys: [OLD] } })
  await using after = await assemble(
    { environment: 'production' },
    { HOLDFAST_CURSOR_KEYS: `${NEW}, ${OLD}` },
  )
  expect(after.cursors.open(before.cursors.seal('here'))).toBe('here')
  expect(() => before.cursors.open(after.cursors.seal('there'))).toThrow(
    expect.objectContaining({ code: 'HF_CURSOR_EXPIRED' }),
  )
  await using development = await assemble({ environment: 'development' })
  expect(development.cursors.open(development.cursors.seal('x'))).toBe('x')
})

test('keys that are too short are refused, and none is shown', async () => {
  const short = assemble({}, { HOLDFAST_CURSOR_KEYS: `${NEW},secret` })
  await expect(short).rejects.toMatchObject({ code: 'HF_OPTION_INVALID' })
  await expect(short).rejects.not.toThrow(/nnnn|secret,/)
  const { entries } = await loadConfig({ cwd: scratch('query'), env: { HOLDFAST_CURSOR_KEYS: NEW } })
  expect(JSON.stringify(entries)).not.toContain('nnnn')
})

test('what is timed is logged in a line, and labels its statements', async () => {
  const said: string[] = []
  await using holdfast = await assemble({}, {}, said)
  const { time } = holdfast.timings
  await time('fetch_recent_logs', () => holdfast.db.selectNoFrom((eb) => eb.lit(1).as('one')).execute())
  expect(said.at(-1)).toMatch(/^fetch_recent_logs took \d+\.\d ms$/)
  expect(holdfast.pool.labels()).toMatchObject([{ label: 'fetch_recent_logs', calls: 1 }])
  expect(holdfast.timings.figures()).toMatchObject([{ name: 'fetch_recent_logs', calls: 1, errors: 0 }])
  await using quiet = await assemble({ query: { logTimingsAboveMs: 60_000 } }, {}, said)
  const before = said.length
  await quiet.timings.time('quick', async () => 1)
  expect(said).toHaveLength(before)
})

test('closing it ends what its databases use, whatever became of them', async () => {
  const holdfast = await assemble({})
  const { db, reader, pool } = holdfast
  expect([holdfast.db, holdfast.reader]).toEqual([db, reader])
  await reader.selectNoFrom((eb) => eb.lit(1).as('one')).execute()
  await reader.destroy()
  await db.selectNoFrom((eb) => eb.lit(1).as('one')).execute()
  await holdfast.close()
  expect(pool.ended).toBe(true)
})
