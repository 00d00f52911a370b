/**
 * For tests against a real PostgreSQL: a throwaway server, a database per test file, a network that fails on
 * command, a clock that stands still.
 *
 * @example
 * import { createTestDatabase, startTestServer } from 'holdfast/testing'
 * const server = await startTestServer()
 * const database = await createTestDatabase(server.url)
 * // ... connect to database.url ...
 * await database.drop()
 * await server.stop()
 */
export { FakeClock } from './fake-clock.ts'
export { FaultProxy } from './fault-proxy.ts'
export {
  createTestDatabase,
  startTestServer,
  type TestDatabase,
  type TestServerOptions,
} from './test-server.ts'
export { withDatabase } from '../core/index.ts'
