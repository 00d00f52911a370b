import {
  type AccessPlan,
  type AccessTarget,
  applyAccess,
  planAccess,
  type RoleNames,
  type SchemaLevels,
} from '../../src/access/index.ts'
import { afterAll, beforeAll } from 'vitest'
import type { EmbeddedServer } from '../../src/embedded/index.ts'
import { createTestDatabase } from '../../src/testing/index.ts'
import { queryAt } from './database.ts'
import { startServer } from './servers.ts'

/** Some of everything that can be owned. */
export const TABLES = `
  CREATE TABLE depots (id serial PRIMARY KEY, name text NOT NULL);
  CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text);
  CREATE TABLE "Odd ""name""" (n int);
  CREATE VIEW order_notes AS SELECT note FROM orders;
  CREATE MATERIALIZED VIEW depot_names AS SELECT name FROM depots;
  CREATE TYPE colour AS ENUM ('red');
  CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
  CREATE SCHEMA billing; CREATE TABLE billing.invoices (id int);
  CREATE TABLE measures (at date) PARTITION BY RANGE (at);
  CREATE TABLE measures_1 PARTITION OF measures FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')`
export const SCHEMAS: SchemaLevels = {
  public: {},
  billing: { app: 'read', readonly: 'none', auditor: 'read' },
}

/** Gives the role a password, as whoever runs the server would. */
async function withPassword(url: string, role: string): Promise<string> {
  await queryAt(url, `ALTER ROLE "${role}" PASSWORD 'of the test'`)
  return Object.assign(new URL(url), { username: role, password: 'of the test' }).href
}

export const wordsOf = ({ groups }: AccessPlan): string[] =>
  groups.flatMap(({ changes }) => changes.map(({ words }) => words))
export const statementsOf = ({ groups }: AccessPlan): string[] =>
  groups.flatMap(({ changes }) => changes.map(({ statement }) => statement))

/** A database for one test, and how to look at it as each role. */
export interface Place {
  readonly url: string
  readonly name: string
  readonly target: AccessTarget
  readonly run: (sql: string) => Promise<Record<string, unknown>[]>
  /** Runs as one of the roles, named by its kind. */
  readonly runAs: (kind: string, sql: string) => Promise<Record<string, unknown>[]>
  readonly urlAs: (role: string) => Promise<string>
  readonly apply: (target?: AccessTarget) => Promise<AccessPlan>
}

async function newPlace(
  serverUrl: string,
  roles: RoleNames = {},
  schemas: SchemaLevels = SCHEMAS,
): Promise<Place> {
  const { url, name } = await createTestDatabase(serverUrl)
  const target = { url, options: { roles, schemas }, ownSchema: 'holdfast' }
  const nameOf = (kind: string): string => roles[kind as keyof RoleNames] || `${name}_${kind}`
  return {
    url,
    name,
    target,
    run: (sql) => queryAt(url, sql),
    urlAs: (role) => withPassword(url, role),
    runAs: async (kind, sql) => queryAt(await withPassword(url, nameOf(kind)), sql),
    apply: async (to = target) => applyAccess(to, { plan: (await planAccess(to)).hash }),
  }
}

/** A server of the file's own, since roles belong to a whole one; makes places on it. */
export function usePlaces(version: number): {
  readonly url: () => string
  readonly place: (roles?: RoleNames, schemas?: SchemaLevels) => Promise<Place>
} {
  let server: EmbeddedServer
  beforeAll(async () => {
    server = await startServer({ version })
  })
  afterAll(() => server.stop())
  return { url: () => server.url, place: (roles, schemas) => newPlace(server.url, roles, schemas) }
}
