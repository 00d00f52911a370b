/** Replicas that are not what they should be. */
import { mkdirSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import type { Finding } from '../../src/monitor/index.ts'
import { FaultyDatabase } from '../support/faulty-database.ts'
import { startPair } from '../support/replication.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const of = (findings: readonly Finding[], check: string): Finding | undefined =>
  findings.find((one) => one.check === check)

test('replicas that are behind, and one that has lost its primary', { timeout: 90_000 }, async () => {
  const directory = scratch('lagging')
  mkdirSync(directory, { recursive: true })
  const { primary, standby } = await startPair(directory)
  const [first, second] = [primary, standby].map(
    ({ url }) => new FaultyDatabase({ url, name: 'postgres', drop: async () => {} }),
  ) as [FaultyDatabase, FaultyDatabase]
  try {
    await standby.catchUpWith(primary)
    expect(of(await first.findings(), 'replication-lag')).toBeUndefined()
    expect(of(await second.findings(), 'replication-lag')).toBeUndefined()
    await standby.query('SELECT pg_wal_replay_pause()')
    await primary.query("SELECT pg_logical_emit_message(false, 'x', repeat('x', 300000000))")
    await vi.waitFor(
      async () => {
        expect(of(await first.findings(), 'replication-lag')?.evidence.bytes).toBeGreaterThan(
          256 * 1_024 ** 2,
        )
        expect(of(await second.findings(), 'replication-lag')?.evidence.receiving).toBe(true)
      },
      { timeout: 30_000, interval: 200 },
    )
    await first.drop()
    await primary.stop()
    await vi.waitFor(
      async () =>
        expect(of(await second.findings(), 'replication-lag')).toMatchObject({
          severity: 'error',
          evidence: { receiving: false },
        }),
      { timeout: 30_000, interval: 200 },
    )
  } finally {
    await second.drop()
    await primary.stop().catch(() => {})
    await standby.stop()
  }
})
