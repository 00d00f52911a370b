/** Encrypted connections: each sslmode against a real server, and what must work over them. */
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHoldfast } from '../../src/index.ts'
import { openClient, Pool, type PoolConfig, withSslMode } from '../../src/pool/index.ts'
import { withQuery } from '../../src/core/index.ts'
import type { Finding } from '../../src/monitor/index.ts'
import { FakeClock } from '../../src/testing/index.ts'
import { FaultyDatabase } from '../support/faulty-database.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'
import { startTlsServer, type TlsServer } from '../support/tls-server.ts'

removeScratchAfterwards()
let tls: TlsServer

beforeAll(async () => {
  tls = await startTlsServer(scratch('tls'))
})
afterAll(() => tls[Symbol.asyncDispose]())

const url = (host = 'localhost'): string => {
  const one = new URL(tls.server.url)
  one.hostname = host
  return one.href
}

/** Whether the session of a pool is encrypted. */
async function isEncrypted(config: PoolConfig): Promise<boolean> {
  await using pool = new Pool({ connectionString: url(), ...config })
  const { rows } = await pool.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
  return rows[0].ssl
}

describe('sslMode means what it means to libpq', () => {
  test.each([
    ['disable', false],
    ['allow', false],
    ['prefer', true],
    ['require', true],
  ] as const)(
    '%s, of a server that does both: encrypted is %s, and nobody is checked',
    async (sslMode, expected) => {
      expect(await isEncrypted({ sslMode })).toBe(expected)
    },
  )

  test('verify-ca trusts who was signed by the authority, under whatever name', async () => {
    const connectionString = url('127.0.0.1')
    expect(await isEncrypted({ connectionString, sslMode: 'verify-ca', sslRootCert: tls.authority })).toBe(
      true,
    )
    const strange = isEncrypted({ sslMode: 'verify-ca', sslRootCert: tls.stranger })
    await expect(strange).rejects.toThrow(/certificate/)
  })

  test('verify-full wants the name, too', async () => {
    const trusted = { sslMode: 'verify-full', sslRootCert: tls.authority } as const
    expect(await isEncrypted(trusted)).toBe(true)
    await expect(isEncrypted({ ...trusted, connectionString: url('127.0.0.1') })).rejects.toThrow(
      /127\.0\.0\.1/,
    )
  })

  test('require checks the authority, too, where one is named', async () => {
    await expect(isEncrypted({ sslMode: 'require', sslRootCert: tls.stranger })).rejects.toThrow(
      /certificate/,
    )
    expect(await isEncrypted({ sslMode: 'require', sslRootCert: tls.authority })).toBe(true)
  })

  test('system stands for the public authorities, which did not sign this one', async () => {
    const everybody = isEncrypted({ sslMode: 'verify-full', sslRootCert: 'system' })
    await expect(everybody).rejects.toThrow(/certificate/)
    expect(() => new Pool({ connectionString: url(), sslMode: 'require', sslRootCert: 'system' })).toThrow(
      /verify-full/,
    )
  })

  test('a file that is not there is told when the pool is made', () => {
    const missing = {
      connectionString: url(),
      sslMode: 'verify-full',
      sslRootCert: '/nowhere/ca.pem',
    } as const
    expect(() => new Pool(missing)).toThrow(expect.objectContaining({ code: 'HF_OPTION_INVALID' }))
  })

  test('allow and prefer go the other way when the server insists', async () => {
    await tls.letIn('hostssl')
    expect(await isEncrypted({ sslMode: 'allow' })).toBe(true)
    await expect(isEncrypted({ sslMode: 'disable' })).rejects.toThrow(/no encryption|reject/)
    await tls.letIn('hostnossl')
    expect(await isEncrypted({ sslMode: 'prefer' })).toBe(false)
    await tls.letIn('host')
  })

  test('in the URL it is the driver’s, unless it says uselibpqcompat', async () => {
    const ofUrl = (text: string): Promise<boolean> => isEncrypted({ connectionString: `${url()}?${text}` })
    await expect(ofUrl('sslmode=verify-full')).rejects.toThrow(/certificate/)
    expect(await ofUrl('sslmode=require&uselibpqcompat=true')).toBe(true)
    expect(await ofUrl(`sslmode=verify-full&uselibpqcompat=true&sslrootcert=${tls.authority}`)).toBe(true)
    const client = await openClient({ connectionString: withSslMode(url(), 'verify-full', tls.authority) })
    await client.end()
  })
})

describe('nothing makes it weaker than it was asked for', () => {
  const noHost = (more: string): string => {
    const { username, password, port, pathname } = new URL(tls.server.url)
    return `postgresql://${username}:${password}@${pathname}?host=127.0.0.1&port=${port}${more}`
  }

  test.each(['&sslmode=disable', '&sslmode=no-verify', '&sslmode=require&uselibpqcompat=true'])(
    'a URL without a host and with %s gives way to the option',
    async (more) => {
      const connectionString = noHost(more)
      const trusted = { sslMode: 'verify-full', sslRootCert: tls.authority } as const
      await expect(isEncrypted({ connectionString, ...trusted })).rejects.toThrow(/127\.0\.0\.1/)
      expect(await isEncrypted({ connectionString, sslMode: 'verify-ca', sslRootCert: tls.authority })).toBe(
        true,
      )
    },
  )

  test.each(['verify_full', 'VERIFY-FULL'])('a mode that nobody knows is refused: %s', (word) => {
    const connectionString = `${url()}?uselibpqcompat=true&sslmode=${word}`
    expect(() => new Pool({ connectionString })).toThrow(/sslmode is .* must be one of disable/)
  })

  test('what the configuration says in ssl stays', async () => {
    const [ca, stranger] = [tls.authority, tls.stranger].map((file) => readFileSync(file, 'utf8'))
    expect(await isEncrypted({ ssl: { ca }, sslMode: 'verify-full' })).toBe(true)
    for (const sslMode of ['prefer', 'require', 'verify-ca'] as const)
      await expect(isEncrypted({ ssl: { ca: stranger, rejectUnauthorized: true }, sslMode })).rejects.toThrow(
        /certificate/,
      )
  })

  test('a password may look like a query', () => {
    const masked = withSslMode('postgresql://u:p&sslmode=x@h/db', 'verify-full')
    expect(masked).toBe('postgresql://u:p&sslmode=x@h/db?sslmode=verify-full&uselibpqcompat=true')
  })
})

test('prefer decides for each connection: many at once, and again when the server changes its mind', async () => {
  await tls.letIn('hostnossl')
  await using pool = new Pool({
    connectionString: url(),
    sslMode: 'prefer',
    size: 4,
    overflow: 0,
    maxUses: 1,
  })
  const all = (): Promise<boolean[]> =>
    Promise.all(
      Array.from({ length: 8 }, async () => {
        using client = await pool.connect()
        return (await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).rows[0].ssl
      }),
    )
  expect(new Set(await all())).toEqual(new Set([false]))
  await tls.letIn('hostssl')
  expect(new Set(await all())).toEqual(new Set([true]))
  expect(pool.stats()).toMatchObject({ connectFailures: 0 })
  await tls.letIn('host')
})

test('createHoldfast reads the URL as libpq does, and trusts nobody unproven in production', async () => {
  const probe = async (environment: 'development' | 'production', more: string): Promise<unknown> => {
    await using holdfast = await createHoldfast(
      { environment, database: { url: `${url()}${more}` } },
      { cwd: scratch('tls-cwd'), env: {} },
    )
    const health = await holdfast.pool.health(60_000)
    return health.ok || health.reason
  }
  expect(await probe('production', '')).toMatch(/certificate/)
  expect(await probe('production', `?sslrootcert=${tls.authority}`)).toBe(true)
  expect(await probe('production', '?sslmode=require')).toBe(true)
  expect(await probe('production', '?sslmode=disable')).toBe(true)
  expect(await probe('development', '')).toBe(true)
})

test('lanes, prepared statements and cancelling work over an encrypted connection', async () => {
  await using pool = new Pool({
    connectionString: url(),
    sslMode: 'require',
    size: 2,
    overflow: 0,
    slowStatementMs: 60_000,
  })
  await pool.query('SELECT $1::int AS n', [0])
  await Promise.all(
    Array.from({ length: 200 }, async (_, n) => {
      expect((await pool.query('SELECT $1::int AS n', [n])).rows).toEqual([{ n }])
    }),
  )
  expect(pool.stats().rides).toBeGreaterThan(0)
  const giveUp = new AbortController()
  const asleep = pool.query({ text: 'SELECT pg_sleep(60)', signal: giveUp.signal })
  const watcher = new pg.Client(tls.server.url)
  await watcher.connect()
  const sleepers = async (): Promise<number> =>
    (
      await watcher.query(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'`,
      )
    ).rows[0].n
  await expect.poll(sleepers).toBe(1)
  giveUp.abort(new Error('enough'))
  await expect(asleep).rejects.toThrow('enough')
  await expect.poll(sleepers).toBe(0)
  await watcher.end()
})

test('certificates that run out are told of in time', async () => {
  const own = withQuery(withSslMode(url(), 'verify-full', tls.authority), (query) => {
    query.set('sslcert', tls.client.cert)
    query.set('sslkey', tls.client.key)
  })
  const [plain, encrypted] = [url(), own].map(
    (one) => new FaultyDatabase({ url: one, name: 'postgres', drop: async () => {} }),
  ) as [FaultyDatabase, FaultyDatabase]
  const after = async (database: FaultyDatabase, days: number): Promise<Finding[]> => {
    const clock = new FakeClock(Date.now() + days * 86_400_000)
    return (await database.findings({}, { clock })).filter(({ check }) => check === 'encryption-keys')
  }
  try {
    // The server's is good for 30 days, the authority's for 60, the client's for 90.
    expect(await after(encrypted, 0)).toEqual([])
    expect(await after(encrypted, 28)).toMatchObject([
      {
        severity: 'warning',
        subject: 'localhost',
        message: expect.stringMatching(/cannot connect any more in \d/),
        evidence: { of: 'server', issuer: 'authority' },
        action: expect.stringContaining('pg_reload_conf()'),
      },
    ])
    expect(await after(encrypted, 55)).toMatchObject([
      { severity: 'error', subject: 'localhost' },
      { severity: 'warning', subject: 'authority', action: expect.stringContaining('sslrootcert') },
    ])
    // The connection is trusted now: an authority that had run out would not be what it is trusted by.
    expect(await after(encrypted, 85)).toMatchObject([
      { severity: 'error', subject: 'localhost' },
      { severity: 'warning', subject: 'service', action: expect.stringContaining('sslcert') },
    ])
    expect(await after(plain, 85)).toEqual([])
  } finally {
    await plain.drop()
    await encrypted.drop()
  }
})
