/** The pools of an assembled Holdfast: names, what they inherit, their budget. */
import { describe, expect, test } from 'vitest'
import { type ConfigInput, createHoldfast, type Holdfast } from '../../src/index.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase('empty')
const said: string[] = []

const assemble = (input: ConfigInput['database'] = {}): Promise<Holdfast> =>
  createHoldfast(
    { database: { url: database.url, ...input } },
    { cwd: scratch('pools'), env: {}, onNotice: (text) => void said.push(text) },
  )

test('a variable that is nearly one of ours is told of, and what somebody else set is not', async () => {
  const heard: string[] = []
  const env = { HOLDFAST_ALERTS_SLACK: 'https://hooks.example', HOLDFAST_SERVICE_HOST: '10.0.0.1' }
  await using holdfast = await createHoldfast(
    { database: { url: database.url } },
    { cwd: scratch('strays'), env, onNotice: (text) => void heard.push(text) },
  )
  expect(holdfast.config.alerts.log).toBe(true)
  expect(heard).toEqual(['HOLDFAST_ALERTS_SLACK is not known; did you mean HOLDFAST_ALERTS_SLACK_URL?'])
})

describe('named pools', () => {
  test('inherit the main pool’s options and tell the server their names', async () => {
    await using holdfast = await assemble({
      pool: { size: 4, overflow: 2, acquireTimeoutMs: 5_000 },
      pools: { jobs: { size: 1, overflow: 0 } },
    })
    const { default: main, jobs } = holdfast.pools
    expect(main).toBe(holdfast.pool)
    expect(jobs?.options).toMatchObject({ size: 1, overflow: 0, acquireTimeoutMs: 5_000 })
    const name = async (pool = main): Promise<unknown> =>
      (await pool?.query(`SELECT current_setting('application_name') AS name`))?.rows[0].name
    expect([await name(main), await name(jobs)]).toEqual(['holdfast', 'holdfast jobs'])
    expect(holdfast.pools.jobs).toBe(jobs)
  })

  test('share the budget', async () => {
    await using holdfast = await assemble({
      connectionBudget: 3,
      pool: { size: 1, overflow: 9 },
      pools: { jobs: { size: 1, overflow: 9 } },
    })
    const { pool, pools } = holdfast
    const held = await Promise.all([pool.connect(), pools.jobs?.connect(), pool.connect()])
    const fourth = pools.jobs?.connect()
    expect(pool.stats().total + (pools.jobs?.stats().total ?? 0)).toBe(3)
    for (const client of held) client?.release()
    ;(await fourth)?.release()
  })

  test('are refused where they are not as they must be', async () => {
    await expect(assemble({ pools: { jobs: { sise: 1 } as never } })).rejects.toMatchObject({
      code: 'HF_OPTION_UNKNOWN',
      message: expect.stringMatching(/database\.pools\.jobs.*size/),
    })
    await expect(assemble({ pools: { 'Not A Name': {} } })).rejects.toMatchObject({
      code: 'HF_OPTION_INVALID',
    })
    await expect(assemble({ pools: { jobs: 5 as never } })).rejects.toMatchObject({
      code: 'HF_OPTION_INVALID',
    })
  })
})

test('sessions begin with what the configuration says', async () => {
  await using holdfast = await assemble({ pool: { statementTimeoutMs: 1_234, jitOff: true } })
  const { rows } = await holdfast.pool.query(
    `SELECT current_setting('statement_timeout') AS timeout, current_setting('jit') AS jit`,
  )
  expect(rows).toEqual([{ timeout: '1234ms', jit: 'off' }])
})

test('a pool that may want more than the server gives is told of, with the sum', async () => {
  await using holdfast = await assemble({ pool: { size: 100, overflow: 100, processes: 9 } })
  await holdfast.pool.query('SELECT 1')
  await expect
    .poll(() => said.join('\n'))
    .toMatch(/may run out of connections: \(100 \+ 100\) connections x 9 processes/)
})
