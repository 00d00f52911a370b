/** Who may call what: every operation of the reference, by every method, as everybody. A new route has to be decided on here. */
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { AdminServer, Role } from '../../src/admin/index.ts'
import { useAdminServer } from '../support/admin-server.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'

const reference = JSON.parse(
  readFileSync(new URL('../../docs/reference/openapi.json', import.meta.url), 'utf8'),
) as { paths: Record<string, Record<string, { security?: object[] }>> }

const PUBLIC = ['GET /livez', 'GET /readyz', 'GET /health', 'POST /v1/session']
/** Everything else that only reads is for viewers; everything else that changes something is refused by this test. */
const OPERATOR = [
  'GET /v1/database/migrations/rollback-plan',
  'POST /v1/database/migrations/up',
  'POST /v1/database/migrations/drift',
  'POST /v1/database/migrations/backfills/{id}/pause',
  'POST /v1/database/migrations/backfills/{id}/resume',
  'POST /v1/database/partitions/plan',
  'POST /v1/database/partitions/maintain',
  'POST /v1/database/monitoring/activity/cancel',
  'POST /v1/database/monitoring/start',
  'POST /v1/database/monitoring/stop',
  'POST /v1/database/performance/explain',
  'POST /v1/database/pool/drain',
  'POST /v1/database/pool/resume',
  'POST /v1/alerts/{id}/acknowledge',
  'POST /v1/alerts/silences',
  'DELETE /v1/alerts/silences/{id}',
  'POST /v1/alerts/test',
  'POST /v1/operations/{id}/end',
]
const ADMIN = [
  'GET /v1/sessions',
  'DELETE /v1/sessions/{id}',
  'POST /v1/sign-in-links',
  'POST /v1/database/migrations/rollback',
  ...[
    'convert',
    'resume',
    'abort',
    'finish',
    'undo',
    'retain',
    'archive',
    'restore-archive',
    'manage',
    'unmanage',
  ].map((verb) => `POST /v1/database/partitions/${verb}`),
  'POST /v1/database/access/apply',
  'POST /v1/database/tables/optimize',
  'POST /v1/database/performance/queries/reset',
  'POST /v1/database/monitoring/activity/terminate',
]
const VIEWER_CHANGES = ['DELETE /v1/session']

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const
const ROLES = ['nobody', 'viewer', 'operator', 'admin'] as const
const declared = new Set(
  Object.entries(reference.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  ),
)

function neededFor(operation: string): Role | 'public' {
  if (PUBLIC.includes(operation)) return 'public'
  if (ADMIN.includes(operation)) return 'admin'
  if (OPERATOR.includes(operation)) return 'operator'
  if (operation.startsWith('GET ') || VIEWER_CHANGES.includes(operation)) return 'viewer'
  throw new Error(`Who may ${operation}? Decide on it in this test.`)
}

/** Whether an address with a parameter stands for another one, too. */
const matches = (declaredOne: string, operation: string): boolean =>
  new RegExp(`^${declaredOne.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(operation)

removeScratchAfterwards()
const client = useAdminServer(useDatabase())
let server: AdminServer
beforeAll(() => {
  server = client().server
})

test('the lists name what there is', () => {
  for (const named of [...PUBLIC, ...OPERATOR, ...ADMIN, ...VIEWER_CHANGES])
    expect(declared, named).toContain(named)
  for (const [path, operations] of Object.entries(reference.paths))
    for (const [method, { security }] of Object.entries(operations)) {
      const operation = `${method.toUpperCase()} ${path}`
      expect(security?.length === 0, `${operation} says that it is public`).toBe(
        neededFor(operation) === 'public' || path === '/openapi.json',
      )
    }
})

describe.each(ROLES)('as %s', (role) => {
  test('every operation answers who may call it, and every other method touches nothing', async () => {
    const headers =
      role === 'nobody' ? {} : { authorization: `Bearer ${server.admin.createToken(role, role)}` }
    for (const path of Object.keys(reference.paths)) {
      if (path === '/openapi.json') continue
      for (const method of METHODS) {
        const operation = `${method === 'HEAD' ? 'GET' : method} ${path}`
        // What nobody knows is refused behind the question who asks: so nothing is done.
        const url = `${path.replaceAll(/\{\w+\}/g, '1')}?stray=1`
        const response = await server.app.inject({ method: method as 'GET', url, headers })
        const seen = `${role} ${method} ${path}: ${response.statusCode} ${response.body.slice(0, 120)}`
        const isAnother = [...declared].some((one) => matches(one, operation))
        if (!declared.has(operation) && isAnother) continue // as "GET .../queries/reset" of "GET .../queries/{key}"
        if (!declared.has(operation) || (method === 'HEAD' && path === '/v1/events')) {
          expect([404, 405], seen).toContain(response.statusCode)
          continue
        }
        const needed = neededFor(operation)
        if (needed === 'public') expect([200, 400], seen).toContain(response.statusCode)
        else if (role === 'nobody') expect(response.statusCode, seen).toBe(401)
        else if (ROLES.indexOf(role) < ROLES.indexOf(needed)) expect(response.statusCode, seen).toBe(403)
        else expect(response.statusCode, seen).toBe(400)
      }
    }
  })
})

test('another spelling of an address opens nothing', async () => {
  for (const url of [
    '/V1/session',
    '//v1/session',
    '/v1//session',
    '/v1/session/',
    '/v1/session;a=b',
    '/v1/x/../session',
    '/v1/%73ession',
    '/v1%2fsession',
  ]) {
    const { statusCode } = await server.app.inject({ url })
    expect([401, 404], url).toContain(statusCode)
  }
})
