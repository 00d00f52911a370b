/** Replicas that are not what they should be. */
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { builtInRules } from '../../src/alerts/index.ts'
import { resolveOptions } from '../../src/core/index.ts'
import { installSchema, MIGRATE_OPTIONS } from '../../src/migrate/index.ts'
import { DEFAULT_LIMITS, type Finding, readBackupTrace } from '../../src/monitor/index.ts'
import { Watched } from '../support/alerting.ts'
import { FaultyDatabase } from '../support/faulty-database.ts'
import { startPair } from '../support/replication.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
const of = (findings: readonly Finding[], check: string): Finding | undefined =>
  findings.find((one) => one.check === check)

test('replicas that are behind, and one that has lost its primary', async () => {
  const directory = scratch('lagging')
  mkdirSync(directory, { recursive: true })
  const { primary, standby } = await startPair(directory, { archive_mode: 'on' })
  const [first, second] = [primary, standby].map(
    ({ url }) => new FaultyDatabase({ url, name: 'postgres', drop: async () => {} }),
  ) as [FaultyDatabase, FaultyDatabase]
  try {
    await standby.catchUpWith(primary)
    expect(of(await first.findings(), 'replication-lag')).toBeUndefined()
    expect(of(await second.findings(), 'replication-lag')).toBeUndefined()
    // Nothing archives what the primary writes; a standby leaves that to it.
    expect(of(await first.findings(), 'archiving')?.message).toContain('nothing archives it')
    expect(of(await second.findings(), 'archiving')).toBeUndefined()
    await standby.query('SELECT pg_wal_replay_pause()')
    await primary.query("SELECT pg_logical_emit_message(false, 'x', repeat('x', 300000000))")
    await vi.waitFor(
      async () => {
        expect(of(await first.findings(), 'replication-lag')?.evidence.bytes).toBeGreaterThan(
          256 * 1_024 ** 2,
        )
        expect(of(await second.findings(), 'replication-lag')?.evidence.receiving).toBe(true)
      },
      { timeout: 60_000, interval: 200 },
    )
    await first.drop()
    await primary.stop()
    await vi.waitFor(
      async () =>
        expect(of(await second.findings(), 'replication-lag')).toMatchObject({
          severity: 'error',
          evidence: { receiving: false },
        }),
      { timeout: 60_000, interval: 200 },
    )
  } finally {
    await second.drop()
    await primary.stop().catch(() => {})
    await standby.stop()
  }
})

test('backups that are too old, that are missing, and where nothing is told', async () => {
  const directory = scratch('backups')
  mkdirSync(directory, { recursive: true })
  const { primary, standby } = await startPair(directory, { archive_mode: 'on', archive_command: 'true' })
  const [first, second] = [primary, standby].map(
    ({ url }) => new FaultyDatabase({ url, name: 'postgres', drop: async () => {} }),
  ) as [FaultyDatabase, FaultyDatabase]
  const strict = { limits: { ...DEFAULT_LIMITS, backupMaxAgeHours: 1e-6 } }
  try {
    // A cluster that is new need not have one yet.
    expect(of(await first.findings(), 'backups')).toBeUndefined()
    expect(of(await first.findings({}, strict), 'backups')).toMatchObject({
      severity: 'error',
      message: expect.stringContaining('no base backup of this server was taken'),
      evidence: { last_backup_at: null },
      action: expect.stringContaining('pg_basebackup'),
    })

    // In one session, as what takes a backup does it.
    await first.run("SELECT pg_backup_start('x', true); SELECT FROM pg_backup_stop(false)")
    const [{ file, folder }] = await primary.query(
      "SELECT name AS file, current_setting('data_directory') AS folder FROM pg_ls_waldir() WHERE name ~ 'backup$'",
    )
    expect(await readBackupTrace(first.pool)).toMatchObject({ endedAt: expect.any(Date) })
    const daysAgo = (days: number): Date => new Date(Date.now() - days * 86_400_000)
    for (const [days, severity] of [
      [7, undefined],
      [9, 'warning'],
      [17, 'error'],
    ] as const) {
      utimesSync(join(folder, 'pg_wal', file), daysAgo(days), daysAgo(days))
      const found = of(await first.findings(), 'backups')
      expect(found?.severity).toBe(severity)
      if (severity === 'warning')
        expect(found).toMatchObject({
          confidence: 'likely',
          message: expect.stringContaining('9.0 d'),
          evidence: { max_age: '8.0 d' },
        })
    }
    await installSchema(primary.url, 'holdfast', resolveOptions('migrate', MIGRATE_OPTIONS, []).values)
    const watched = await Watched.start(primary.url, [], { rules: builtInRules(DEFAULT_LIMITS) })
    await watched.beat()
    const open = watched.alerts.open.filter(({ rule }) => rule === 'backup_age')
    expect(open).toMatchObject([
      { state: 'firing', severity: 'error', message: expect.stringContaining('17.0 d') },
    ])
    await watched.close()
    // Who runs this server copies its disk, and tells it nothing.
    await primary.query('CREATE ROLE rds_superuser')
    expect(of(await first.findings(), 'backups')).toBeUndefined()
    await primary.query('DROP ROLE rds_superuser')
    await primary.query("CREATE ROLE plain LOGIN PASSWORD 'only-for-tests'")
    const plain = new URL(primary.url)
    plain.username = 'plain'
    const seen = new FaultyDatabase({ url: plain.href, name: 'postgres', drop: async () => {} })
    const grant = { sql: 'GRANT pg_monitor TO plain;', message: expect.stringContaining('base backup') }
    expect(await seen.findings()).toContainEqual(expect.objectContaining({ check: 'rights', ...grant }))
    await primary.query(grant.sql)
    expect(of(await seen.findings(), 'backups')).toMatchObject({ severity: 'error' })
    await seen.drop()

    // A standby has none of its own; once it is promoted it needs one.
    await standby.catchUpWith(primary)
    expect(of(await second.findings({}, strict), 'backups')).toBeUndefined()
    await standby.promote()
    expect(of(await second.findings(), 'backups')).toBeUndefined()
    // What is left of an earlier life as a primary does not count.
    const [{ here }] = await standby.query("SELECT current_setting('data_directory') AS here")
    const left = join(here, 'pg_wal', file)
    writeFileSync(left, '')
    utimesSync(left, daysAgo(90), daysAgo(90))
    expect(await readBackupTrace(second.pool)).toMatchObject({
      ageSeconds: expect.toSatisfy((seconds: number) => seconds < 86_400),
    })
    expect(of(await second.findings(), 'backups')).toBeUndefined()
    expect(of(await second.findings({}, strict), 'backups')).toMatchObject({ severity: 'error' })
  } finally {
    await first.drop()
    await second.drop()
    await standby.stop()
    await primary.stop()
  }
})
