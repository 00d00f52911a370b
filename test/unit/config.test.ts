import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  type ConfigInput,
  loadConfig,
  resolveConfig,
  strayInWords,
  strayVariables,
} from '../../src/config.ts'
import { isDatabaseUrl, maskUrl } from '../../src/core/index.ts'
import { renderEnvExample } from '../../src/env-example.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()

const failureOf = (input: unknown): unknown => {
  try {
    resolveConfig(input as Parameters<typeof resolveConfig>[0])
    return 'no error'
  } catch (error) {
    return error
  }
}

describe('the environment', () => {
  test('speaks the names that deployments already have, in their units', () => {
    const { config } = resolveConfig({
      env: {
        DATABASE_URL: 'postgresql+asyncpg://app:pw@db:6432/shop',
        DATABASE_DIRECT_URL: 'postgres://app:pw@db:5432/shop',
        DATABASE_REPLICA_URL: 'postgresql://r1/shop, postgresql+psycopg://r2/shop',
        DB_POOL_SIZE: '20',
        DB_MAX_OVERFLOW: '30',
        DB_POOL_TIMEOUT: '2.5',
        DB_POOL_RECYCLE: '3600',
        DB_ECHO: 'true',
        ENVIRONMENT: 'production',
        REDIS_URL: 'redis://:pw@cache:6379/0',
        SESSION_TTL: '900',
        FIELD_ENCRYPTION_KEY: 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=',
        ENCRYPTION_SALT: 'salty',
        HOLDFAST_ADMIN_PORT: '0',
      },
    })
    expect(config).toMatchObject({
      environment: 'production',
      database: {
        url: 'postgresql://app:pw@db:6432/shop',
        directUrl: 'postgres://app:pw@db:5432/shop',
        replicas: ['postgresql://r1/shop', 'postgresql://r2/shop'],
        echo: true,
        pool: { size: 20, overflow: 30, acquireTimeoutMs: 2_500, recycleMs: 3_600_000 },
      },
      redis: { url: 'redis://:pw@cache:6379/0' },
      sessions: { idleTimeoutMs: 900_000 },
      encryption: { salt: 'salty' },
      admin: { port: 0 },
    })
  })

  test('DB_ECHO_SQL means the same as DB_ECHO, and an empty variable is none', () => {
    expect(resolveConfig({ env: { DB_ECHO: '', DB_ECHO_SQL: 'on' } }).config.database.echo).toBe(true)
    expect(resolveConfig({ env: { DATABASE_URL: '' } }).config.database.url).toBeUndefined()
  })

  test.each([
    ['DB_POOL_SIZE', 'many', 'database.pool.size'],
    ['DB_POOL_SIZE', '0', 'database.pool.size'],
    ['DB_POOL_SIZE', '-1', 'database.pool.size'],
    ['DB_POOL_SIZE', '1e3', 'database.pool.size'],
    ['DB_ECHO', 'maybe', 'database.echo'],
    ['DATABASE_URL', 'mysql://db/shop', 'database.url'],
    ['DATABASE_URL', 'not a url', 'database.url'],
    ['DATABASE_REPLICA_URL', 'postgresql://r1/shop,nonsense', 'database.replicas'],
    ['ENVIRONMENT', 'staging', 'environment'],
    ['REDIS_URL', 'http://cache', 'redis.url'],
    ['FIELD_ENCRYPTION_KEY', 'short', 'encryption.keys'],
    ['HOLDFAST_SCHEMA', 'Mixed Case', 'database.schema'],
    ['HOLDFAST_SCHEMA', 'public', 'database.schema'],
    ['HOLDFAST_SCHEMA', 'pg_own', 'database.schema'],
    ['DATABASE_URL', 'postgresql://us%er:pw@db/shop', 'database.url'],
  ])('%s=%s is refused, naming the option', (name, value, option) => {
    expect(failureOf({ env: { [name]: value } })).toMatchObject({
      code: 'HF_OPTION_INVALID',
      details: { option, source: `environment ${name}` },
    })
  })

  test('another database for the history is named by a URL, and by nothing else', () => {
    for (const HOLDFAST_MONITOR_HISTORY_URL of ['history', 'http://db/history', '5432'])
      expect(failureOf({ env: { HOLDFAST_MONITOR_HISTORY_URL } })).toMatchObject({
        code: 'HF_OPTION_INVALID',
      })
    const given = ' postgresql://db/history '
    expect(resolveConfig({ env: { HOLDFAST_MONITOR_HISTORY_URL: given } }).config.monitor.historyUrl).toBe(
      given.trim(),
    )
    expect(failureOf({ args: { monitor: { historyUrl: 5432 } } })).toMatchObject({
      code: 'HF_OPTION_INVALID',
    })
  })

  test('a secret never stands in the message that refuses it', () => {
    for (const name of ['DATABASE_URL', 'FIELD_ENCRYPTION_KEY', 'REDIS_URL']) {
      expect((failureOf({ env: { [name]: 'hunter2:// bad' } }) as Error).message).not.toContain('hunter2')
    }
  })

  test('a misspelt variable of ours is pointed out, an orchestrator of that name is not an error', () => {
    expect(strayVariables({ HOLDFAST_ADMIN_PROT: '1', HOLDFAST_ADMIN_PORT: '1', HOME: '/' })).toEqual([
      { name: 'HOLDFAST_ADMIN_PROT', suggestion: 'HOLDFAST_ADMIN_PORT' },
    ])
    expect(failureOf({ env: { HOLDFAST_SERVICE_HOST: '10.0.0.1' } })).toBe('no error')
  })
})

test('a NODE_ENV that is not one of our words counts as production, and ENVIRONMENT decides over it', () => {
  expect(resolveConfig({ env: { NODE_ENV: 'staging' } }).config.environment).toBe('production')
  expect(resolveConfig({ env: { NODE_ENV: 'staging', ENVIRONMENT: 'test' } }).config.environment).toBe('test')
})

describe('files and arguments', () => {
  const file = (values: unknown): { name: string; values: ConfigInput } => ({
    name: 'holdfast.config.ts',
    values: values as ConfigInput,
  })

  test('later wins: file, .env, environment, arguments', () => {
    const sizes = (sources: Parameters<typeof resolveConfig>[0]): [number, string | undefined] => {
      const { config, entries } = resolveConfig(sources)
      return [config.database.pool.size, entries.find(({ name }) => name === 'database.pool.size')?.source]
    }
    const from = file({ database: { pool: { size: 2 } } })
    const dotenv = { DB_POOL_SIZE: '3' }
    const env = { DB_POOL_SIZE: '4' }
    const args = { database: { pool: { size: 5 } } }
    expect(sizes({})).toEqual([10, 'default'])
    expect(sizes({ file: from })).toEqual([2, 'holdfast.config.ts'])
    expect(sizes({ file: from, dotenv })).toEqual([3, '.env DB_POOL_SIZE'])
    expect(sizes({ file: from, dotenv, env })).toEqual([4, 'environment DB_POOL_SIZE'])
    expect(sizes({ file: from, dotenv, env, args })).toEqual([5, 'argument'])
  })

  test.each([
    [{ databse: {} }, 'databse', 'database'],
    [{ database: { ulr: 'x' } }, 'database.ulr', 'url'],
    [{ database: { pool: { sise: 3 } } }, 'database.pool.sise', 'size'],
    [{ nothingLikeIt: 1 }, 'nothingLikeIt', undefined],
  ])('%j has an unknown key', (values, option, suggestion) => {
    expect(failureOf({ file: file(values) })).toMatchObject({
      code: 'HF_OPTION_UNKNOWN',
      details: { option, suggestion },
    })
  })

  test.each([
    [{ database: 'x' }],
    [{ database: null }],
    [{ database: { pool: { size: '3' } } }],
    [{ database: { pool: { size: 1.5 } } }],
  ])('%j has a value of the wrong kind', (values) => {
    expect(failureOf({ file: file(values) })).toMatchObject({ code: 'HF_OPTION_INVALID' })
  })

  test('the result is frozen throughout and the input untouched', () => {
    const values = Object.freeze({ database: Object.freeze({ pool: Object.freeze({ size: 2 }) }) })
    const { config } = resolveConfig({ args: values })
    expect(
      Object.isFrozen(config) && Object.isFrozen(config.database) && Object.isFrozen(config.database.pool),
    ).toBe(true)
  })

  test('secrets are masked in what is shown', () => {
    const { entries } = resolveConfig({
      env: {
        DATABASE_URL: 'postgresql://app:hunter2@db/shop?sslpassword=hunter2',
        REDIS_URL: 'redis://:hunter2@cache',
        FIELD_ENCRYPTION_KEY: 'hunter2hunter2hunter2hunter2',
        ENCRYPTION_SALT: 'hunter2',
      },
    })
    expect(JSON.stringify(entries)).not.toContain('hunter2')
    expect(entries.find(({ name }) => name === 'database.url')?.value).toBe(
      'postgresql://app:***@db/shop?sslpassword=***',
    )
    // Not percent-encoded, it is taken apart where it must not be: nothing of it is shown.
    for (const url of [
      'postgresql://u:12/hunter2@h/db',
      'postgresql://u:?hunter2@h/db',
      'postgresql://u%3Ahunter2@h/db',
      'postgresql://h/db?options=-c%20my.pw%3Dhunter2',
      'postgresql://h/db?password[]=hunter2',
      'postgresql://h/db?pass%77ord=hunter2&sslmode=require',
      'postgresql://u:#hunter2@h/db',
      'postgresql://u:2024#hunter2@h/db',
      'postgresql://u:20/hunter2#x@h/db',
      'postgresql://u:20?port=hunter2@h/db',
      'postgresql://u:20?user=hunter2@h/db',
      'postgresql://u:20?user=hunter2%40h/db',
      'postgresql://u:20,hunter2:21#z@h/db',
      'postgresql://u:1\nhunter2@h/db',
      'postgresql://h/db?user=a:hunter2',
      'postgresql://h/db?application_name=x%20password=hunter2',
      'postgresql://h/?dbname=host%3Dh%20password%3Dhunter2',
      'postgresql://h/db?service=u:hunter2',
    ])
      expect(maskUrl(url), url).not.toContain('hunter2')
    expect(maskUrl('postgresql://u@h/db?sslmode=require&application_name=a')).toBe(
      'postgresql://u@h/db?sslmode=require&application_name=a',
    )
    for (const torn of ['u:12/x@h/db', 'u:12#x@h/db', 'u:12?x=y@h/db', 'u:12?user=x@h/db', 'u:1\n2@h/db'])
      expect(isDatabaseUrl(`postgresql://${torn}`), torn).toBe(false)
    for (const whole of [
      'me%40azure:p%23a%2Fs@h:5432/db',
      'u@h/db?user=me%40azure',
      'u:a@b@h/db',
      '/db?host=/run',
    ])
      expect(isDatabaseUrl(`postgresql://${whole}`), whole).toBe(true)
    expect(maskUrl('not a url with hunter2')).toBe('***')
  })

  test('a preset gives what nobody else says', () => {
    const of = (values: object, env: Record<string, string> = {}) =>
      resolveConfig({ args: { database: { pool: values } }, env }).config.database.pool
    expect(of({ preset: 'small' })).toMatchObject({ size: 5, overflow: 10, acquireTimeoutMs: 30_000 })
    expect(of({ preset: 'production' })).toMatchObject({ size: 100, overflow: 200, acquireTimeoutMs: 60_000 })
    expect(of({ preset: 'busy', size: 7 })).toMatchObject({ size: 7, overflow: 30 })
    expect(of({ preset: 'large' }, { DB_MAX_OVERFLOW: '1' })).toMatchObject({ size: 20, overflow: 1 })
    expect(of({}, { DB_POOL_PRESET: 'async-production' })).toMatchObject({ size: 70, overflow: 120 })
    expect(() => of({ preset: 'huge' })).toThrow(expect.objectContaining({ code: 'HF_OPTION_INVALID' }))
    const { entries } = resolveConfig({ args: { database: { pool: { preset: 'medium' } } } })
    expect(entries.find(({ name }) => name === 'database.pool.size')).toMatchObject({
      value: 10,
      source: 'preset medium',
    })
  })

  test('the file says more for one environment, and what is misspelt there shows in all', async () => {
    const cwd = scratch('environments')
    const write = (values: object): void =>
      writeFileSync(join(cwd, 'holdfast.config.json'), JSON.stringify(values))
    write({
      database: { pool: { size: 3, overflow: 4 }, schema: 'own' },
      environments: {
        production: { database: { pool: { size: 30 } } },
        test: { database: { schema: 'other' } },
      },
    })
    const of = async (environment: string) =>
      (await loadConfig({ cwd, env: { ENVIRONMENT: environment } })).config.database
    expect(await of('production')).toMatchObject({ pool: { size: 30, overflow: 4 }, schema: 'own' })
    expect(await of('test')).toMatchObject({ pool: { size: 3, overflow: 4 }, schema: 'other' })
    expect(await of('development')).toMatchObject({ pool: { size: 3 }, schema: 'own' })
    for (const environments of [{ prod: {} }, { production: { database: { pool: { sise: 3 } } } }]) {
      write({ environments })
      await expect(of('development')).rejects.toMatchObject({ code: 'HF_OPTION_UNKNOWN' })
    }
    write({ environments: { production: 5 } })
    await expect(of('development')).rejects.toThrow(/production/)
  })

  test('variables of other stacks, and those that nothing reads yet, are told of', () => {
    const told = strayVariables({
      DB_HOST: 'h',
      DB_POOL_PRE_PING: 'true',
      DB_POLL_SIZE: '5',
      REDIS_URL: 'redis://h',
      DB_ECHO: 'true',
      PATH: '/',
      DB_EMPTY: '',
    })
    expect(told.map(strayInWords)).toEqual([
      'DB_HOST is not known; did you mean DATABASE_URL?',
      'DB_POOL_PRE_PING is not known; did you mean HOLDFAST_POOL_PRE_PING_AFTER_IDLE_MS?',
      'DB_POLL_SIZE is not known; did you mean DB_POOL_SIZE?',
      'REDIS_URL has no effect yet: nothing reads it.',
    ])
  })

  test('are read from a folder: TypeScript, JSON, .env outside production', async () => {
    const cwd = scratch('config')
    writeFileSync(join(cwd, '.env'), 'DB_POOL_SIZE=7\n')
    writeFileSync(join(cwd, 'holdfast.config.json'), '{ "database": { "pool": { "overflow": 8 } } }')
    const { config } = await loadConfig({ cwd, env: {} })
    expect(config.database.pool).toMatchObject({ size: 7, overflow: 8 })
    expect((await loadConfig({ cwd, env: { ENVIRONMENT: 'production' } })).config.database.pool.size).toBe(10)
    writeFileSync(
      join(cwd, 'holdfast.config.ts'),
      'export default { database: { pool: { overflow: 9 as number } } }',
    )
    expect((await loadConfig({ cwd, env: {} })).config.database.pool.overflow).toBe(9)
  })

  test.each([
    ['holdfast.config.json', '{ not json'],
    ['holdfast.config.json', '[]garbage'],
    ['holdfast.config.mjs', 'export const nothing = 1'],
    ['holdfast.config.mjs', 'throw new Error("boom")'],
  ])('a broken %s (%s) is a coded error', async (name, content) => {
    const cwd = scratch('config')
    writeFileSync(join(cwd, name), content)
    await expect(loadConfig({ cwd, env: {} })).rejects.toMatchObject({ code: 'HF_CONFIG_FILE' })
  })
})

test('.env.example is what the option tables say', () => {
  expect(readFileSync(new URL('../../.env.example', import.meta.url), 'utf8')).toBe(renderEnvExample())
})
