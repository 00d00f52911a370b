import type pg from 'pg'
import { SQLSTATE, sqlstateOf } from '../../core/index.ts'
import { type Catalog, type CatalogObject, type Json, keyOf, type ObjectKind } from '../catalog.ts'
import {
  COMPOSITE_QUERY,
  DEFAULT_PRIVILEGES_QUERY,
  DOMAIN_CONSTRAINT_QUERY,
  DOMAIN_QUERY,
  ENUM_QUERY,
  EVENT_TRIGGER_QUERY,
  EXTENSION_QUERY,
  FUNCTION_QUERY,
  NOT_MODELLED_QUERY,
  RANGE_QUERY,
  SCHEMA_QUERY,
} from './definitions.ts'
import { structureBusy } from './errors.ts'
import { DEPENDENCY_QUERY } from './dependencies.ts'
import {
  columnQuery,
  constraintQuery,
  INDEX_QUERY,
  POLICY_QUERY,
  RULE_QUERY,
  SEQUENCE_QUERY,
  STATISTICS_QUERY,
  TABLE_QUERY,
  TRIGGER_QUERY,
  VIEW_QUERY,
} from './relations.ts'

/** What of a database is read. */
export interface ReadOptions {
  /** Schemas that are left out, besides PostgreSQL's own. Default `['holdfast']`. */
  readonly exclude?: readonly string[]
}

/** Not compared, whatever is there. */
const NEVER_COMPARED = [
  'owners',
  'the extension pg_stat_statements, which is made for monitoring',
  'the order of columns',
  'names of NOT NULL constraints',
  "what a partition or child has of its own in its parent's columns",
  "comments, defaults and grants of a view's columns",
  "names and grants of an identity's sequence",
  'statistics targets of indexes',
]

/** Whoever locks a table of theirs holds up nobody who reads for longer. */
const LOCK_MS = 5_000
const STATEMENT_MS = 120_000

interface Row {
  readonly kind: ObjectKind
  readonly class: number
  readonly oid: number
  readonly sub: number
  readonly name: string
  readonly parent: string | null
  readonly attributes: Readonly<Record<string, Json>>
}

/**
 * Reads the structure of a database in one snapshot, with a role that needs no more than to connect. Takes no lock
 * that anybody waits for.
 *
 * @param client a session of one's own, outside a transaction
 * @throws HF_STRUCTURE_BUSY where somebody locks what is read
 */
export async function readCatalog(
  client: pg.Client,
  { exclude = ['holdfast'] }: ReadOptions = {},
): Promise<Catalog> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  try {
    // With nothing in the path, every name in a definition is written with its schema.
    await client.query(
      `SET LOCAL search_path = pg_catalog; SET LOCAL lock_timeout = ${LOCK_MS}; SET LOCAL statement_timeout = ${STATEMENT_MS}`,
    )
    const version = await readVersion(client)
    const rows: Row[] = []
    for (const text of queries(version))
      rows.push(
        ...(await client.query<Row & Record<string, unknown>>(text, text.includes('$1') ? [exclude] : []))
          .rows,
      )
    const { rows: others } = await client.query<{ words: string }>(NOT_MODELLED_QUERY, [exclude])
    return {
      format: 1,
      serverVersion: version,
      objects: rows.map(objectOf).toSorted(byKindAndName),
      notCompared: [...NEVER_COMPARED, ...others.map(({ words }) => words)],
      dependencies: await readDependencies(client, rows),
    }
  } catch (error) {
    const code = sqlstateOf(error)
    throw code === SQLSTATE.lockNotAvailable || code === SQLSTATE.queryCanceled ? structureBusy(error) : error
  } finally {
    await client.query('ROLLBACK').catch(() => {}) // the connection is gone: so is its transaction
  }
}

async function readVersion(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int / 10000 AS version`,
  )
  return rows[0]?.version ?? 0
}

const queries = (version: number): readonly string[] => [
  SCHEMA_QUERY,
  EXTENSION_QUERY,
  ENUM_QUERY,
  DOMAIN_QUERY,
  DOMAIN_CONSTRAINT_QUERY,
  COMPOSITE_QUERY,
  RANGE_QUERY,
  SEQUENCE_QUERY,
  TABLE_QUERY,
  columnQuery(version),
  constraintQuery(version),
  INDEX_QUERY,
  TRIGGER_QUERY,
  RULE_QUERY,
  POLICY_QUERY,
  STATISTICS_QUERY,
  VIEW_QUERY,
  FUNCTION_QUERY,
  EVENT_TRIGGER_QUERY,
  DEFAULT_PRIVILEGES_QUERY,
]

/** What is not there is not written: a snapshot stays short, and a newer server's attribute is no difference. */
function objectOf({ kind, name, parent, attributes }: Row): CatalogObject {
  const said = Object.entries(attributes).filter(
    ([, value]) => value !== null && value !== false && !(Array.isArray(value) && value.length === 0),
  )
  return { kind, name, parent, attributes: Object.fromEntries(said) }
}

function byKindAndName(a: CatalogObject, b: CatalogObject): number {
  // A table, then what is part of it.
  const [left, right] = [a, b].map(
    ({ kind, name, parent }) => `${parent ?? `${kind} ${name}`}\0${parent === null ? '' : kind}\0${name}`,
  )
  return (left as string) < (right as string) ? -1 : 1
}

async function readDependencies(client: pg.Client, rows: readonly Row[]): Promise<[string, string][]> {
  const byId = new Map(rows.map((row) => [`${row.class} ${row.oid} ${row.sub}`, keyOf(row)]))
  const find = (kind: number, oid: number, sub: number): string | undefined =>
    byId.get(`${kind} ${oid} ${sub}`) ?? byId.get(`${kind} ${oid} 0`)
  const edges = await client.query<Record<string, number>>(DEPENDENCY_QUERY)
  const pairs = new Map<string, [string, string]>()
  const add = (dependent: string | undefined, needed: string | undefined): void => {
    if (dependent !== undefined && needed !== undefined && dependent !== needed)
      pairs.set(`${dependent}\0${needed}`, [dependent, needed])
  }
  for (const { class: kind, oid, sub, neededClass, neededOid, neededSub } of edges.rows)
    add(
      find(kind as number, oid as number, sub as number),
      find(neededClass as number, neededOid as number, neededSub as number),
    )
  // Of what stands in a schema pg_depend tells itself; of parts their whole.
  for (const row of rows) if (row.parent !== null) add(keyOf(row), row.parent)
  return [...pairs.values()].toSorted(([a, b], [c, d]) => (`${a} ${b}` < `${c} ${d}` ? -1 : 1))
}
