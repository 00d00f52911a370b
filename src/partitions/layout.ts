import type pg from 'pg'
import { isHoldfastError, isNoName, type NamedRelation, type Queryable } from '../core/index.ts'
import { relationNamed } from '../pool/index.ts'
import { keyUnsupported, notPartitioned, tableMissing } from './errors.ts'
import { type KeyKind, keyKindOf } from './key.ts'
import type { Position } from './period.ts'

/** One partition as it is. */
export interface Partition {
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** Qualified, quoted where it has to be. */
  readonly sql: string
  /** Where it begins and ends; `open` without a limit on that side; null where no place of ours is. */
  readonly from: Position | 'open' | null
  readonly to: Position | 'open' | null
  /** The limits as PostgreSQL writes them in UTC. */
  readonly fromText: string
  readonly toText: string
  readonly isDefault: boolean
  /** Its removal was begun and not finished. */
  readonly isDetaching: boolean
  /** Estimated. */
  readonly rows: number
  /** With indexes and large values, as of the last VACUUM, ANALYZE or index build. */
  readonly bytes: number
}

/** A table that is partitioned by the range of one column. */
export interface Layout {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly sql: string
  readonly owner: string
  readonly column: string
  readonly key: KeyKind
  /** In the order of their limits; a default partition last. */
  readonly partitions: readonly Partition[]
}

interface Head {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly sql: string
  readonly owner: string
  readonly isPartitioned: boolean
  readonly strategy: string | null
  readonly columns: number | null
  readonly column: string | null
  readonly type: string | null
  readonly collation: string | null
}

/** One table, or all that are partitioned and no partition themselves. */
const HEAD_QUERY = `
  SELECT c.oid::int8::float8 AS oid, n.nspname AS schema, c.relname AS name, format('%I.%I', n.nspname, c.relname) AS sql,
         pg_get_userbyid(c.relowner) AS owner, c.relkind = 'p' AS "isPartitioned", p.partstrat AS strategy,
         p.partnatts::int AS columns, a.attname AS column, t.typname AS type, l.collname AS collation
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = c.oid
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]
    LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_collation l ON l.oid = p.partcollation[0]
   WHERE CASE WHEN $1::text IS NULL THEN c.relkind = 'p' AND NOT c.relispartition AND c.relpersistence <> 't'
              ELSE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p') END
   ORDER BY n.nspname, c.relname`

/** Bounds are printed as the session's zone and style say, which are set for this statement before the first row is there. */
const PARTITIONS_QUERY = `
  WITH manner AS MATERIALIZED (
    SELECT set_config('TimeZone', 'UTC', true) AS zone, set_config('DateStyle', 'ISO, YMD', true) AS style)
  SELECT i.inhparent::int8::float8 AS parent, n.nspname AS schema, c.relname AS name, format('%I.%I', n.nspname, c.relname) AS sql,
         pg_get_expr(c.relpartbound, c.oid) AS bound, i.inhdetachpending AS "isDetaching",
         c.oid::int8::float8 AS oid, greatest(CASE WHEN c.reltuples > 0 THEN c.reltuples ELSE pg_stat_get_live_tuples(c.oid) END, 0)::float8 AS rows,
         (SELECT coalesce(sum(greatest(x.relpages, 0)), 0) FROM pg_catalog.pg_class x
           WHERE x.oid = ANY (ARRAY(SELECT c.oid UNION ALL SELECT c.reltoastrelid UNION ALL
                   SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid IN (c.oid, c.reltoastrelid)))
         )::float8 * current_setting('block_size')::float8 AS bytes
    FROM manner JOIN pg_catalog.pg_inherits i ON manner.zone = 'UTC' JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE i.inhparent = ANY ($1::int8[]::oid[])`

/**
 * Reads how a table is partitioned. Waits for no lock.
 *
 * @param table its qualified name
 * @throws HF_PARTITION_TABLE, HF_PARTITION_NONE, HF_PARTITION_KEY
 */
export async function readLayout(client: Queryable, table: string): Promise<Layout> {
  const { rows } = await client
    .query<Head & Record<string, unknown>>(HEAD_QUERY, [table])
    .catch((error: unknown) => {
      // Not a name at all.
      if (isNoName(error)) throw tableMissing(table)
      throw error
    })
  const head = rows[0]
  if (!head) throw tableMissing(table)
  if (!head.isPartitioned) throw notPartitioned(head.sql)
  const known = knownHead(head)
  const partitions = await readPartitions(client, [known])
  return { ...known, partitions: partitions.get(head.oid) ?? [] }
}

/**
 * The same of a table as people name it.
 * @param table as SQL names it: `public.logs`, `"Logs"`
 * @throws as {@link readLayout}
 */
export async function readLayoutNamed(client: pg.Client, table: string): Promise<Layout> {
  return readLayout(client, (await findTable(client, table)).sql)
}

/** Finds the table that a name means with the path that the session came with. @throws HF_PARTITION_TABLE */
export async function findTable(client: pg.Client, table: string): Promise<NamedRelation> {
  const found = await relationNamed(client, table).catch((error: unknown) => {
    if (isNoName(error)) throw tableMissing(table)
    throw error
  })
  if (!found || !['r', 'p', 'f'].includes(found.kind)) throw tableMissing(table)
  return found
}

/** The layouts of all tables that are partitioned by the range of one column of a usable type. Waits for no lock. */
export async function readLayouts(client: Queryable): Promise<Layout[]> {
  const { rows } = await client.query<Head & Record<string, unknown>>(HEAD_QUERY, [null])
  const heads = rows.flatMap((head) => {
    try {
      return [knownHead(head)]
    } catch (error) {
      if (isHoldfastError(error)) return [] // partitioned otherwise
      throw error
    }
  })
  const partitions = await readPartitions(client, heads)
  return heads.map((head) => ({ ...head, partitions: partitions.get(head.oid) ?? [] }))
}

type KnownHead = Omit<Layout, 'partitions'>

/** @throws HF_PARTITION_KEY */
function knownHead({
  oid,
  schema,
  name,
  sql,
  owner,
  strategy,
  columns,
  column,
  type,
  collation,
}: Head): KnownHead {
  if (strategy !== 'r' || columns !== 1 || column === null)
    throw keyUnsupported(sql, 'it is partitioned otherwise than by the range of one column')
  return { oid, schema, name, sql, owner, column, key: usableKey(sql, type ?? '', collation) }
}

/** @throws HF_PARTITION_KEY */
export function usableKey(table: string, type: string, collation: string | null): KeyKind {
  const key = keyKindOf(type)
  if (!key) throw keyUnsupported(table, `a column of type ${type} has no time or whole number in it`)
  if (collation !== null && !['C', 'POSIX', 'ucs_basic'].includes(collation))
    throw keyUnsupported(table, 'letters are in the order of time only where the column has COLLATE "C"')
  return key
}

/** The partitions of each table, by its oid, in their order. */
async function readPartitions(
  client: Queryable,
  tables: readonly Pick<Layout, 'oid' | 'key'>[],
): Promise<Map<number, Partition[]>> {
  const keys = new Map(tables.map(({ oid, key }) => [oid, key]))
  const { rows } = await client.query<PartitionRow & Record<string, unknown>>(PARTITIONS_QUERY, [
    [...keys.keys()],
  ])
  const found = new Map<number, Partition[]>(tables.map(({ oid }) => [oid, []]))
  for (const { parent, bound, ...rest } of rows)
    found.get(parent)?.push({ ...rest, ...readBound(bound, keys.get(parent) as KeyKind) })
  for (const all of found.values()) all.sort(inOrder)
  return found
}

type Bound = Pick<Partition, 'from' | 'to' | 'fromText' | 'toText' | 'isDefault'>

interface PartitionRow extends Omit<Partition, keyof Bound> {
  readonly parent: number
  readonly bound: string
}

function readBound(bound: string, key: KeyKind): Bound {
  const match = /^FOR VALUES FROM \((.*)\) TO \((.*)\)$/s.exec(bound)
  if (!match) return { from: null, to: null, fromText: 'DEFAULT', toText: 'DEFAULT', isDefault: true }
  const [fromText, toText] = [unquoted(match[1] as string), unquoted(match[2] as string)]
  return { from: placeOf(fromText, key), to: placeOf(toText, key), fromText, toText, isDefault: false }
}

const unquoted = (text: string): string => /^'(.*)'$/s.exec(text)?.[1]?.replaceAll("''", "'") ?? text

function placeOf(text: string, key: KeyKind): Position | 'open' | null {
  return text === 'MINVALUE' || text === 'MAXVALUE' ? 'open' : (key.read(text) ?? null)
}

function inOrder(a: Partition, b: Partition): number {
  const rank = ({ isDefault, from }: Partition): number => (isDefault ? 2 : from === 'open' ? 0 : 1)
  if (rank(a) !== rank(b)) return rank(a) - rank(b)
  if (typeof a.from === 'bigint' && typeof b.from === 'bigint') return a.from < b.from ? -1 : 1
  return a.name < b.name ? -1 : 1
}
