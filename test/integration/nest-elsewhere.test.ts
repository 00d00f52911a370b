/** HoldfastModule in a service that is asked over TCP: what it tells whoever asks, and what it keeps to its log. */
import 'reflect-metadata'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { Controller, Module, type Type } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ClientProxyFactory, EventPattern, MessagePattern, Transport } from '@nestjs/microservices'
import { firstValueFrom } from 'rxjs'
import { expect, test, vi } from 'vitest'
import { createHoldfast } from '../../src/index.ts'
import { HoldfastModule } from '../../src/nestjs/index.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase('empty')

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

test('an error of ours is logged, and nothing of other requests reaches who asked', async () => {
  const holdfast = await createHoldfast({
    environment: 'test',
    database: { url: database.url, pool: { size: 1, overflow: 0, acquireTimeoutMs: 100 } },
  })
  const held = await holdfast.pool.connect()
  await held.query("SELECT 'a secret of somebody else' AS s")
  class Things {
    async get() {
      return (await holdfast.pool.query('SELECT 1')).rows
    }

    async on() {
      await holdfast.pool.query('SELECT 1')
    }
  }
  Controller()(Things)
  const describing = (name: 'get' | 'on') =>
    Object.getOwnPropertyDescriptor(Things.prototype, name) as TypedPropertyDescriptor<any>
  MessagePattern('get')(Things.prototype, 'get', describing('get'))
  EventPattern('on')(Things.prototype, 'on', describing('on'))
  const App = function App() {} as unknown as Type
  Module({ imports: [HoldfastModule.forRoot({ holdfast, closes: false })], controllers: [Things] })(App)
  const errors: unknown[] = []
  const quiet = (): void => {}
  const logger = {
    log: quiet,
    warn: quiet,
    debug: quiet,
    verbose: quiet,
    error: (text: unknown) => errors.push(text),
    fatal: quiet,
  }
  const options = { host: '127.0.0.1', port: await freePort() }
  const app = await NestFactory.createMicroservice(App, { transport: Transport.TCP, options, logger })
  await app.listen()
  const client = ClientProxyFactory.create({ transport: Transport.TCP, options })
  await client.connect()
  const answer: unknown = await firstValueFrom(client.send('get', {})).catch((error: unknown) => error)
  expect(answer).toEqual({ status: 'error', message: 'Internal server error' })
  client.emit('on', {}).subscribe()
  await vi.waitFor(() => expect(errors).toHaveLength(2), { timeout: 30_000 })
  expect(String(errors[0])).toContain('timeout exceeded when trying to connect')
  held.release()
  await client.close()
  await app.close()
  await holdfast.close()
})
