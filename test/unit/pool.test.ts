import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { connectFailure } from '../../src/pool/index.ts'
import { resolvePoolConfig } from '../../src/pool/options.ts'
import { Queue, type Queued } from '../../src/pool/queue.ts'

test('the queue of waiters is a queue, whatever leaves it from the middle', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.constant('push' as const) },
    { weight: 2, arbitrary: fc.constant('shift' as const) },
    { weight: 2, arbitrary: fc.nat(60) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const queue = new Queue<Queued & { made: number }>()
      const model: (Queued & { made: number })[] = []
      let made = 0
      for (const action of steps) {
        if (action === 'push') {
          const one = { place: -1, made: made++ }
          queue.push(one)
          model.push(one)
        } else if (action === 'shift') {
          expect(queue.shift()).toBe(model.shift())
        } else {
          const one = model[action]
          if (one) {
            expect(queue.remove(one)).toBe(true)
            expect(queue.remove(one)).toBe(false)
            model.splice(action, 1)
          }
        }
        expect(queue.size).toBe(model.length)
        expect(queue.peek()).toBe(model[0])
      }
    }),
  )
})

describe('options', () => {
  test("pg.Pool's own names keep their meaning", () => {
    const { options, client, maxUses } = resolvePoolConfig({
      max: 7,
      connectionTimeoutMillis: 1_000,
      idleTimeoutMillis: 2_000,
      maxLifetimeSeconds: 3,
      maxUses: 4,
      host: 'db',
      application_name: 'shop',
    })
    expect(options).toMatchObject({
      size: 7,
      overflow: 0,
      acquireTimeoutMs: 1_000,
      idleTimeoutMs: 2_000,
      recycleMs: 3_000,
    })
    expect(client).toMatchObject({ host: 'db', application_name: 'shop' })
    expect(maxUses).toBe(4)
  })

  test('a value outside its range throws at once', () => {
    expect(() => resolvePoolConfig({ size: 0 })).toThrow(
      expect.objectContaining({ code: 'HF_OPTION_INVALID' }),
    )
    expect(() => resolvePoolConfig({ prePingAfterIdleMs: -1 })).toThrow(
      expect.objectContaining({ code: 'HF_OPTION_INVALID' }),
    )
    expect(resolvePoolConfig({ prePingAfterIdleMs: false }).options.prePingAfterIdleMs).toBe(false)
  })
})

describe('why connecting failed', () => {
  const URL_WITH_SECRET = 'postgresql://app:hunter2@db.example:6432/shop'
  const server = (code: string): Error =>
    Object.assign(new Error('as the server says'), { code, severity: 'FATAL' })
  const socket = (code: string): Error => Object.assign(new Error(code), { code })

  test.each([
    [server('28P01'), 'HF_CONNECT_AUTHENTICATION'],
    [server('28000'), 'HF_CONNECT_AUTHENTICATION'],
    [server('3D000'), 'HF_CONNECT_DATABASE_MISSING'],
    [server('42501'), 'HF_CONNECT_NOT_ALLOWED'],
    [server('53300'), 'HF_CONNECT_TOO_MANY'],
    [server('57P03'), 'HF_CONNECT_SERVER_NOT_READY'],
    [socket('ECONNREFUSED'), 'HF_CONNECT_REFUSED'],
    [socket('ENOTFOUND'), 'HF_CONNECT_HOST_UNKNOWN'],
    [socket('ETIMEDOUT'), 'HF_CONNECT_TIMEOUT'],
    [new Error('timeout expired'), 'HF_CONNECT_TIMEOUT'],
    [socket('ERR_INVALID_URL'), 'HF_CONNECT_URL_INVALID'],
    [new Error('The server does not support SSL connections'), 'HF_CONNECT_TLS'],
    [new Error('something else'), 'HF_CONNECT_FAILED'],
  ])('%s is %s, names the server and the next step, and no password', (error, code) => {
    const failure = connectFailure(error, URL_WITH_SECRET)
    expect(failure).toMatchObject({
      code,
      cause: error,
      details: { host: 'db.example', port: '6432', database: 'shop', user: 'app' },
    })
    expect(failure.message).not.toContain('hunter2')
    expect(connectFailure(failure, URL_WITH_SECRET)).toBe(failure)
  })
})
