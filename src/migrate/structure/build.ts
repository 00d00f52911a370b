import type pg from 'pg'
import { quoteIdentifier } from '../../core/index.ts'
import { type Catalog, readCatalog } from '../../schema/index.ts'
import { readMigrations } from '../format/folder.ts'
import { sqlScript } from '../format/script.ts'
import { splitStatements, type Statement } from '../format/statements.ts'
import { visit } from '../format/tree.ts'
import { installSchema, userHistory } from '../own-schema.ts'
import { withUsersPath } from '../../pool/index.ts'
import { withClient, withReader } from '../running/session.ts'
import { migrateUp, type UpOptions } from '../running/up.ts'
import { scriptFailed } from './errors.ts'
import type { Scratch } from './scratch.ts'

/** The structure of a database, without Holdfast's own part of it. */
export function catalogAt(url: string, ownSchema = 'holdfast'): Promise<Catalog> {
  return withReader(url, (client) => readCatalog(client, { exclude: [ownSchema] }))
}

/**
 * Runs all migrations of a folder, or some of them, on a new database.
 * @returns its URL
 */
export async function buildFromMigrations(
  scratch: Scratch,
  directory: string,
  chosen: Pick<UpOptions, 'to' | 'only'> = {},
): Promise<string> {
  const url = await scratch.create()
  await installSchema(url, 'holdfast', {})
  if (scratch.isThrowaway) {
    const statements: Statement[] = []
    for (const { up } of readMigrations(directory))
      if (up.language === 'sql') statements.push(...(await splitStatements(up)))
    await withClient(url, (client) => makeRoles(client, statements))
  }
  // Nobody uses it: no contract has to wait.
  const options = { ...chosen, allowOutOfOrder: true, contractGraceMs: 0 }
  await migrateUp({ url, directory, history: userHistory('holdfast') }, options)
  return url
}

/**
 * Runs a script that says a whole structure on a new database.
 * @returns its URL
 */
export async function buildFromScript(scratch: Scratch, path: string, sql: string): Promise<string> {
  const url = await scratch.create()
  await runStatements(scratch, url, await splitStatements(sqlScript(path, sql)), path)
  return url
}

/** Runs statements one by one; a failure names its line. */
async function runStatements(
  scratch: Scratch,
  url: string,
  statements: readonly Statement[],
  path: string,
): Promise<void> {
  await withClient(url, async (client) => {
    if (scratch.isThrowaway) await makeRoles(client, statements)
    await withUsersPath(client, async () => {
      for (const { text, line } of statements)
        await client.query(text).catch((error: unknown) => {
          throw scriptFailed(path, line, error)
        })
    })
  })
}

/** Roles that statements grant to, or name in policies: without them a throwaway server would refuse. */
async function makeRoles(client: pg.Client, statements: readonly Statement[]): Promise<void> {
  const names = new Set<string>()
  for (const { node } of statements)
    visit(node, (name, value) => {
      const role = value as { roletype?: string; rolename?: string }
      if (name === 'RoleSpec' && role.roletype === 'ROLESPEC_CSTRING' && role.rolename)
        names.add(role.rolename)
    })
  const made = new Set(
    statements.flatMap(({ node }) => ('CreateRoleStmt' in node ? [node.CreateRoleStmt.role ?? ''] : [])),
  )
  for (const name of names) {
    if (made.has(name)) continue
    const { rowCount } = await client.query('SELECT FROM pg_catalog.pg_roles WHERE rolname = $1', [name])
    if (rowCount === 0) await client.query(`CREATE ROLE ${quoteIdentifier(name)}`)
  }
}
