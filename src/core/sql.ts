import { COMMANDS } from './amounts.ts'
import type { QueryResultRow } from './ports.ts'

/** Anything that runs one statement with bound values: a pool, a checkout, a plain `pg` client. */
export interface Queryable {
  query<Row extends QueryResultRow = QueryResultRow>(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: Row[]; rowCount: number | null }>
}

/** One that can also read with the rights of a table's owner: see `Reader` of `holdfast/monitor`. */
export interface OwnersQueryable extends Queryable {
  rowsAs?<Row extends QueryResultRow>(relations: readonly string[], text: string): Promise<Row[]>
}

/**
 * The search path under which Holdfast runs SQL of its own: with nothing in it but the catalog, no function or operator of another
 * role is called for one of PostgreSQL's. `pg_temp` stands last, since it comes first where it is not named.
 */
export const OWN_PATH = 'pg_catalog, pg_temp'

/** The schemas of a search path as `SHOW search_path` writes it. */
export const schemasOf = (path: string): string[] =>
  (path.match(/"(?:[^"]|"")*"|[^,\s"]+/g) ?? [])
    .map((name) => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name))
    .filter((name) => name !== '')

/** Quotes one identifier, so that any name is safe and keeps its case. */
export function quoteIdentifier(name: string): string {
  if (name.length === 0 || name.includes('\0')) {
    throw new TypeError(`${JSON.stringify(name)} cannot be an SQL identifier`)
  }
  return `"${name.replaceAll('"', '""')}"`
}

/** Words that PostgreSQL takes for no name of a table, column or role unless they are quoted. */
const RESERVED: ReadonlySet<string> = new Set(
  (
    'all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation column concurrently ' +
    'constraint create cross current_catalog current_date current_role current_schema current_time current_timestamp current_user default ' +
    'deferrable desc distinct do else end except false fetch for foreign freeze from full grant group having ilike in initially inner ' +
    'intersect into is isnull join lateral leading left like limit localtime localtimestamp natural not notnull null offset on only or ' +
    'order outer overlaps placing primary references returning right select session_user similar some symmetric system_user table ' +
    'tablesample then to trailing true union unique user using variadic verbose when where window with'
  ).split(' '),
)

/** A name as people write it and PostgreSQL prints it: quoted only where it would be another one without. */
export function quoteWhereNeeded(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) && !RESERVED.has(name) ? name : quoteIdentifier(name)
}

/** Quotes a dotted name given in its parts: `quoteQualified('holdfast', 'operations')`. */
export function quoteQualified(...parts: readonly string[]): string {
  return parts.map(quoteIdentifier).join('.')
}

/**
 * Quotes a text literal, for the few statements that take no bound values (DDL, SET). A backslash makes it
 * an escape string, so that the result means the same whatever `standard_conforming_strings` says.
 */
export function quoteLiteral(value: string): string {
  if (value.includes('\0')) throw new TypeError('a NUL character cannot stand in an SQL literal')
  const quoted = `'${value.replaceAll("'", "''")}'`
  return value.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted
}

const NAMES_AND_TEXTS = /(\bE)?'(?:[^']|'')*'|"(?:[^"]|"")*"/gi

/** The same SQL with escapes for what a terminal would obey in names and texts, so that it can be shown and pasted. */
export const pasteable = (sql: string): string =>
  sql.replaceAll(NAMES_AND_TEXTS, (part: string) => {
    if (part.search(COMMANDS) < 0) return part
    const isEscapeString = /^E/i.test(part)
    const escaped = (isEscapeString ? part : part.replaceAll('\\', '\\\\')).replaceAll(
      COMMANDS,
      (character) =>
        `${isEscapeString ? '\\u' : '\\'}${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
    return isEscapeString ? escaped : `U&${escaped}`
  })
