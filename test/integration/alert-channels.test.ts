/** Ways to tell somebody: real servers, that take it, refuse it, hang, or are not there. */
import { createHmac } from 'node:crypto'
import { type AddressInfo, createServer } from 'node:net'
import { SMTPServer } from 'smtp-server'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { DeliveryStore, email, slack, testChannels, webhook } from '../../src/alerts/index.ts'
import { firingInVain, OPEN_TRANSACTION, receiving, Watched } from '../support/alerting.ts'
import { queryAt, useDatabase } from '../support/database.ts'
import { type Received, Receiver } from '../support/receiving.ts'

const database = useDatabase()
afterEach(() =>
  queryAt(
    database.url,
    'TRUNCATE holdfast.alerts, holdfast.alert_silences, holdfast.alert_deliveries, holdfast.history_minutes',
  ),
)

describe('a webhook', () => {
  test('that is signed can be made sure of', async () => {
    const receiver = await receiving()
    const { alerts } = await Watched.start(database.url, [webhook(receiver.url, 'between us')])
    expect(await alerts.test()).toEqual([{ channel: 'webhook', error: null }])
    const { headers, raw, body } = receiver.received[0] as Received
    const time = String(headers['x-holdfast-timestamp'])
    const expected = createHmac('sha256', 'between us').update(`${time}.${raw}`).digest('hex')
    expect(headers['x-holdfast-signature']).toBe(`v1=${expected}`)
    expect(headers['idempotency-key']).toBe(body.id)
  })

  test('that is down is tried again until it is up, holds nobody up and gets everything in its order', async () => {
    const [dead, well] = [await receiving(), await receiving()]
    dead.answer = 503
    const watched = await Watched.start(database.url, [
      { ...webhook(dead.url), name: 'slack' },
      webhook(well.url),
    ])
    const end = await watched.leaveOpen()
    await watched.beat(2)
    await well.got(1)
    await end()
    await watched.beat(3)
    await well.got(2)
    // Twice as long between attempts, each time.
    await vi.waitUntil(
      async () => {
        await watched.beat()
        return dead.attempts >= 3
      },
      { timeout: 60_000 },
    )
    expect(dead.received).toEqual([])
    const unsent = await new DeliveryStore(watched.store.place).unsent(10)
    expect(unsent).toMatchObject([
      { channel: 'slack' },
      { channel: 'slack', error: expect.stringContaining('503') },
    ])
    dead.answer = 200
    await vi.waitUntil(
      async () => {
        await watched.beat()
        return dead.received.length >= 2
      },
      { timeout: 60_000 },
    )
    expect(dead.events).toEqual(['firing open_transaction', 'resolved open_transaction'])
    expect(well.events).toEqual(dead.events)
    await vi.waitUntil(async () => (await new DeliveryStore(watched.store.place).unsent(10)).length === 0, {
      timeout: 60_000,
    })
  })

  test('that hangs is given up and tried again, and the collector never waits for it', async () => {
    const receiver = await receiving()
    receiver.answer = 'hang'
    const watched = await Watched.start(database.url, [webhook(receiver.url)], { attemptMs: 300 })
    const end = await watched.leaveOpen()
    await watched.beat()
    await vi.waitUntil(
      async () => {
        await watched.beat()
        return receiver.attempts > 1
      },
      { timeout: 60_000 },
    )
    expect(watched.collecting.collector.status()).toMatchObject({ state: 'collecting', skipped: [] })
    receiver.answer = 200
    await vi.waitUntil(
      async () => {
        await watched.beat()
        return receiver.received.length >= 1
      },
      { timeout: 60_000 },
    )
    await end()
  })

  test('that takes nothing is told of, once', async () => {
    const receiver = await receiving()
    receiver.answer = 500
    const watched = await Watched.start(database.url, [webhook(receiver.url)])
    const end = await watched.leaveOpen()
    await vi.waitUntil(
      async () => {
        await watched.beat()
        return receiver.attempts > 4
      },
      { timeout: 60_000 },
    )
    expect(watched.problems).toEqual([
      expect.stringMatching(/^Nobody is told by webhook: .*500.* holdfast alert deliveries$/),
    ])
    await end()
  })

  test('that is down when the process ends is told by the next one', async () => {
    const { receiver, first, end } = await firingInVain(database.url)
    await first.alerts.close()
    await end()
    await first.collecting.collector.close()
    receiver.answer = 200
    const second = await Watched.start(database.url, [webhook(receiver.url)], {
      clock: first.collecting.clock,
    })
    await second.beat(6)
    await receiver.got(2)
    expect(receiver.events).toEqual(['firing open_transaction', 'resolved open_transaction'])
  })
})

describe('channels', () => {
  test('a letter has who, whom, what and the next step', async () => {
    const letters: string[] = []
    const server = new SMTPServer({
      authOptional: true,
      disableReverseLookup: true,
      disabledCommands: ['STARTTLS'],
      onData(stream, _session, done) {
        let letter = ''
        stream.on('data', (chunk: Buffer) => (letter += chunk.toString()))
        stream.on('end', () => {
          letters.push(letter)
          done()
        })
      },
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())))
    const { port } = server.server.address() as AddressInfo
    const watched = await Watched.start(database.url, [
      email({
        url: `smtp://127.0.0.1:${port}`,
        from: 'db@example.com',
        to: ['ann@example.com', 'ben@example.com'],
      }),
    ])
    const end = await watched.leaveOpen()
    await watched.beat(2)
    await vi.waitUntil(() => letters.length === 1, { timeout: 60_000 })
    await end()
    expect(letters[0]).toContain('Subject: [Holdfast] warning: open_transaction')
    expect(letters[0]).toContain('To: ann@example.com, ben@example.com')
    expect(letters[0]).toContain('connections_idle_in_transaction is 1, above 0')
    expect(letters[0]).toContain('holdfast doctor')
  })

  test('a password is not sent to a server that offers no TLS, or whose offer was taken away', async () => {
    const said: string[] = []
    const server = new SMTPServer({
      hideSTARTTLS: true,
      allowInsecureAuth: true,
      onAuth: ({ password }, _session, done) => {
        said.push(String(password))
        done(null, { user: 'u' })
      },
      onData: (stream, _session, done) => void stream.resume().on('end', () => done()),
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())))
    const { port } = server.server.address() as AddressInfo
    const notification = { id: 'n', title: 't', text: 'x', database: 'd', at: 'now' }
    const send = (url: string): Promise<unknown> =>
      Promise.resolve(
        email({ url, from: 'db@example.com', to: ['ann@example.com'] }).send(
          notification as Parameters<ReturnType<typeof email>['send']>[0],
          new AbortController().signal,
        ),
      )
    // Another way to write this machine's address, which is not taken for this machine.
    await expect(send(`smtp://u:hunter2@127.1:${port}`)).rejects.toMatchObject({ code: 'HF_ALERT_DELIVERY' })
    expect(said).toEqual([])
    await send(`smtp://u:hunter2@127.1:${port}?requireTLS=false`)
    await send(`smtp://u:hunter2@127.0.0.1:${port}`)
    expect(said).toEqual(['hunter2', 'hunter2'])
  })

  test('a server of letters that says nothing is given up, and nothing stays open', async () => {
    const silent = createServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => new Promise<void>((resolve) => silent.close(() => resolve())))
    const { port } = silent.address() as AddressInfo
    const channel = email({
      url: `smtp://127.0.0.1:${port}`,
      from: 'db@example.com',
      to: ['ann@example.com'],
    })
    const watched = await Watched.start(database.url, [channel], { attemptMs: 300 })
    const end = await watched.leaveOpen()
    await watched.beat(2)
    await vi.waitUntil(
      async () =>
        (await new DeliveryStore(watched.store.place).unsent(1))[0]?.error?.includes('no answer within'),
      { timeout: 60_000 },
    )
    await vi.waitUntil(
      () => new Promise((resolve) => silent.getConnections((_, count) => resolve(count === 0))),
      { timeout: 60_000 },
    )
    await end()
  })

  test('Slack gets text in which nothing is taken for markup', async () => {
    const receiver = await receiving()
    const rules = [{ ...OPEN_TRANSACTION, message: 'a <b> & <!channel>' }]
    const watched = await Watched.start(database.url, [slack(receiver.url)], { rules })
    const end = await watched.leaveOpen()
    await watched.beat(2)
    await receiver.got(1)
    await end()
    const { text } = JSON.parse(receiver.received[0]?.raw ?? '{}') as { text: string }
    expect(text).toMatch(/^\*warning: open_transaction\* on shop\na &lt;b&gt; &amp; &lt;!channel&gt;/)
  })

  test('that fail say why, in a test, and nobody follows where they point elsewhere', async () => {
    const receiver = await receiving()
    receiver.answer = 302
    const gone = await Receiver.start()
    const nobodyThere = gone.url
    await gone.stop()
    const withPassword = webhook('http://user:S3cret@127.0.0.1:9/T0KEN')
    const [leaky] = await testChannels([withPassword], 'shop')
    expect(leaky?.error).not.toMatch(/S3cret|T0KEN/)
    const results = await testChannels([webhook(receiver.url), slack(nobodyThere)], 'shop')
    expect(results).toMatchObject([
      { channel: 'webhook', error: expect.stringContaining('it answered 302') },
      { channel: 'slack', error: expect.stringContaining('did not take it') },
    ])
  })
})
