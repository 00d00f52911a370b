/**
 * Faults in the structure of a database on each version of PostgreSQL, all of them in one database, each in a schema of
 * its own; and what a plain role sees of them.
 */
import { describe, expect, test } from 'vitest'
import { resolveOptions, systemClock } from '../../src/core/index.ts'
import { MIGRATE_OPTIONS, installSchema } from '../../src/migrate/index.ts'
import {
  explain,
  Reader,
  readReplication,
  readServerSettings,
  StatementFeed,
  readBackupTrace,
} from '../../src/monitor/index.ts'
import { DatabaseSource } from '../../src/prometheus/index.ts'
import { expectFound } from '../support/exhibiting.ts'
import { FaultyDatabase, withFault } from '../support/faulty-database.ts'
import { ALONE, type Exhibit, STRUCTURE } from '../support/gallery.ts'
import { startServer } from '../support/servers.ts'

/** Extensions are of a whole database, and one measured table is enough. */
const SHARED = STRUCTURE.filter(({ name }) => !ALONE.test(name))
/** Bloat takes rows by the hundred thousand; the oldest and the newest server estimate and measure it. */
const exhibitsOn = (version: number): readonly Exhibit[] =>
  version === 14 || version === 18 ? SHARED : SHARED.filter(({ name }) => !name.startsWith('a bloated'))

/** What is shown of the server is read from views that change with its version. */
async function expectPictures({ pool }: FaultyDatabase): Promise<void> {
  const reader = new Reader(pool, systemClock)
  try {
    expect(await readReplication(reader)).toEqual({
      role: 'primary',
      replicas: [],
      slots: [],
      receiver: null,
    })
    expect(await readBackupTrace(reader)).toMatchObject({ endedAt: null })
    expect((await readServerSettings(reader)).map(({ name }) => name)).toContain('max_connections')
    const source = new DatabaseSource(reader, new StatementFeed(reader, systemClock), systemClock)
    expect(await source.picture()).toMatchObject({ now: { connections_used: expect.any(Number) } })
    expect((await source.statements())?.all.length).toBeGreaterThan(0)
  } finally {
    await reader.end()
  }
}

describe.each([14, 15, 16, 17, 18] as const)('on PostgreSQL %i', (version) => {
  test('every fault is found, and a plain role is told what it cannot see', async () => {
    const exhibits = exhibitsOn(version)
    const server = await startServer({
      version,
      settings: {
        shared_preload_libraries: 'pg_stat_statements',
        archive_mode: 'on',
        archive_command: 'true',
      },
    })
    try {
      await withFault(server.url, undefined, '', async (database) => {
        await installSchema(database.url, 'holdfast', resolveOptions('migrate', MIGRATE_OPTIONS, []).values)
        await database.run('CREATE EXTENSION pg_stat_statements')
        // Before 15 everybody may create in schema public; that is told apart.
        expect(await database.findings()).toEqual([])
        for (const [n, { plant }] of exhibits.entries()) {
          await database.run(`CREATE SCHEMA e${n}`)
          for (const sql of plant) {
            const done = database.runIn(`e${n}`, sql.replace(/^fails: /, ''))
            await (sql.startsWith('fails: ') ? expect(done).rejects.toThrow() : done)
          }
        }
        // The collector of statistics is a process of its own before 15.
        await expect
          .poll(async () => (await database.findings()).map(({ check }) => check))
          .toEqual(expect.arrayContaining(['dead-rows', 'planner-statistics']))
        // Settings of a database are those of sessions that begin later.
        const later = new FaultyDatabase({ ...database.names, drop: async () => {} })
        const findings = await later.findings({ deep: true, production: true })
        await later.drop()
        for (const [n, exhibit] of exhibits.entries()) expectFound(findings, exhibit, database.name, `e${n}`)
        expect(findings.filter(({ message }) => message.includes('could not be done'))).toEqual([])

        const generic = await explain(database.pool, systemClock, {
          text: 'SELECT oid FROM pg_class WHERE relname = $1 AND relnamespace = $2',
        })
        expect(generic).toMatchObject({ kind: 'generic', isMeasured: false })
        expect(JSON.stringify(generic.plan)).toContain('Index')
        await expectPictures(database)
        await database.run(
          `SET password_encryption = 'scram-sha-256'; CREATE ROLE plain_${version} LOGIN PASSWORD 'plain'`,
        )
        const url = new URL(database.url)
        url.username = `plain_${version}`
        url.password = 'plain'
        const plain = new FaultyDatabase({ ...database.names, url: url.href, drop: async () => {} })
        const seen = await plain.findings({ deep: true, production: true })
        const granted = seen.flatMap(({ sql }) => (sql?.startsWith('GRANT') ? [sql] : []))
        expect(granted).toContain(`GRANT pg_read_all_stats TO plain_${version};`)
        expect(granted).toContain(`GRANT pg_monitor TO plain_${version};`)
        expect(seen.map(({ check }) => check)).toEqual(
          expect.arrayContaining(['duplicate-indexes', 'foreign-key-indexes', 'primary-keys']),
        )
        expect(
          seen.filter(
            ({ severity, message }) => severity === 'error' && message.includes('could not be done'),
          ),
        ).toEqual([])
        await database.run(`GRANT pg_monitor TO plain_${version}`)
        for (const sql of granted) await database.run(sql)
        await expectPictures(plain)
        const all = await plain.findings()
        expect(all.filter(({ check }) => check === 'rights')).toEqual([])
        await plain.drop()
      })
    } finally {
      await server.stop()
    }
  })
})
