import type pg from 'pg'
import { quoteIdentifier } from '../../core/index.ts'
import type { Definition } from './definition.ts'
import { consent, type Finding, warning } from './finding.ts'

/** Texts that a message names before it only counts. */
const NAMED = 3
const SHOWN_LETTERS = 160

/**
 * Statements that name the old key: `ON CONFLICT (id)` fails with 42P10 as soon as the unique key is (id, created_at). Looked for in
 * pg_stat_statements, and in the texts of functions.
 */
export async function findConflictTargets(
  client: pg.Client,
  { schema, name }: Definition,
  column: string,
): Promise<Finding[]> {
  const statements = await readStatements(client)
  const { rows: functions } = await client.query<{ name: string; text: string }>(
    `SELECT p.oid::regprocedure::text AS name, p.prosrc AS text FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
      WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND p.prosrc ~* 'on\\s+conflict'`,
  )
  const names = (text: string): boolean => namesOldKey(text, schema, name, column)
  const found = [
    ...(statements ?? []).filter(names).map((text) => text.replaceAll(/\s+/g, ' ').slice(0, SHOWN_LETTERS)),
    ...functions.filter(({ text }) => names(text)).map((one) => `the function ${one.name}`),
  ]
  const way = `name the whole key: ON CONFLICT (..., ${column}). That works with a unique index on both columns, which may be made before`
  if (found.length > 0)
    return [
      consent(
        'conflict-target',
        `${found.length} statement(s) name a conflict target without ${column}, and will fail (42P10): ${found.slice(0, NAMED).join('; ')}`,
        way,
      ),
    ]
  return statements === undefined
    ? [
        warning(
          'conflict-target-unseen',
          'pg_stat_statements is not there (or shows nothing to this role): whether statements say ON CONFLICT with the old key cannot be seen; they would fail (42P10)',
          `look through your code for them; ${way}`,
        ),
      ]
    : []
}

/** Undefined where nobody counts them, or this role sees none. */
async function readStatements(client: pg.Client): Promise<string[] | undefined> {
  const { rows: extension } = await client.query<{ schema: string }>(
    `SELECT n.nspname AS schema FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
      WHERE e.extname = 'pg_stat_statements'`,
  )
  if (!extension[0]) return undefined
  try {
    const { rows } = await client.query<{ query: string | null }>(
      `SELECT query FROM ${quoteIdentifier(extension[0].schema)}.pg_stat_statements
        WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())`,
    )
    return rows.flatMap(({ query }) => (query !== null && /on\s+conflict/i.test(query) ? [query] : []))
  } catch {
    return undefined // it is not preloaded: then nothing was counted
  }
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
const spelled = (name: string): string =>
  /^[a-z_][a-z0-9_$]*$/.test(name) ? `"?${escaped(name)}"?` : escaped(quoteIdentifier(name))

/** Whether a text inserts into the table and names a conflict target that lacks the column. */
export function namesOldKey(text: string, schema: string, table: string, column: string): boolean {
  const insert = new RegExp(
    String.raw`insert\s+into\s+(?:${spelled(schema)}\s*\.\s*)?${spelled(table)}(?![\w$"])[^;]*?on\s+conflict\s*\(([^)]*)\)`,
    'gi',
  )
  const itself = new RegExp(String.raw`(?<![\w$"])${spelled(column)}(?![\w$"])`, 'i')
  return [...text.matchAll(insert)].some(([, target = '']) => !itself.test(target))
}
