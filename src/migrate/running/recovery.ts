import type pg from 'pg'
import type { IndexStmt, Node, RangeVar } from '@pgsql/types'
import { quoteQualified } from '../../core/index.ts'
import { indexInvalid } from '../errors.ts'
import {
  alterTableCommands,
  partitionCommandOf,
  type SpecialKind,
  specialKindOf,
} from '../format/special-statements.ts'
import type { Statement } from '../format/statements.ts'
import { asOurselves, oidOf } from './session.ts'

/** What the catalog says about a statement that was begun: it took effect, it may be sent again, or nobody knows. */
export type Outcome = 'done' | 'again' | 'unknown'

/**
 * What became of a statement outside of a transaction whose runner or server died, as the catalog tells it:
 *
 * - CREATE INDEX CONCURRENTLY: a valid index is there: done. An invalid one is dropped. Again.
 * - DROP INDEX CONCURRENTLY: none of its indexes is there: done. Else again.
 * - REINDEX: the copies that it left (`_ccnew`, `_ccold`) are dropped. Again: it does no harm twice.
 * - DETACH PARTITION CONCURRENTLY: no partition any more: done. Half detached: it is finalized. Else again.
 * - CREATE DATABASE, DROP DATABASE: there or not there.
 * - VACUUM, CLUSTER, ALTER SYSTEM: again, they do no harm twice.
 * - tablespaces, subscriptions, ALTER DATABASE SET TABLESPACE, and whatever commits on its own: nobody knows.
 */
export async function recover(client: pg.Client, { node }: Statement): Promise<Outcome> {
  const kind = specialKindOf(node)
  if (kind !== undefined) return RECOVERIES[kind](client, node)
  // Of a partitioned table, which the text does not tell.
  return 'ReindexStmt' in node || 'ClusterStmt' in node ? 'again' : 'unknown'
}

type Recovery = (client: pg.Client, node: Node) => Promise<Outcome>

const again: Recovery = async () => 'again'
const unknown: Recovery = async () => 'unknown'

const RECOVERIES: Readonly<Record<SpecialKind, Recovery>> = {
  'create index concurrently': async (client, node) => {
    const index = 'IndexStmt' in node ? await findOwnIndex(client, node.IndexStmt) : undefined
    return index?.isValid === true && index.isOnTable ? 'done' : 'again'
  },
  'drop index concurrently': async (client, node) => {
    for (const name of 'DropStmt' in node ? droppedNames(node.DropStmt.objects ?? []) : [])
      if ((await oidOf(client, name)) !== null) return 'again'
    return 'done'
  },
  reindex: async (client, node) => {
    if ('ReindexStmt' in node && node.ReindexStmt.relation)
      await dropCopies(client, node.ReindexStmt.relation)
    return 'again'
  },
  'detach partition concurrently': async (client, node) => {
    if (!('AlterTableStmt' in node) || !node.AlterTableStmt.relation) return 'unknown'
    const partition = alterTableCommands(node).map(partitionCommandOf).find(Boolean)?.name
    if (!partition) return 'unknown'
    const [parent, child] = [nameOf(node.AlterTableStmt.relation), nameOf(partition)]
    const oids = [await oidOf(client, parent), await oidOf(client, child)]
    const { rows } = await asOurselves(client, () =>
      client.query<{ pending: boolean }>(
        'SELECT inhdetachpending AS pending FROM pg_catalog.pg_inherits WHERE inhparent = $1 AND inhrelid = $2',
        oids,
      ),
    )
    if (rows[0] === undefined) return 'done'
    if (!rows[0].pending) return 'again'
    await client.query(`ALTER TABLE ${parent} DETACH PARTITION ${child} FINALIZE`)
    return 'done'
  },
  'create database': async (client, node) =>
    'CreatedbStmt' in node && (await hasDatabase(client, node.CreatedbStmt.dbname ?? '')) ? 'done' : 'again',
  'drop database': async (client, node) =>
    'DropdbStmt' in node && (await hasDatabase(client, node.DropdbStmt.dbname ?? '')) ? 'again' : 'done',
  vacuum: again,
  cluster: again,
  'alter system': again,
  'alter database tablespace': unknown,
  tablespace: unknown,
  subscription: unknown,
}

/**
 * Before an index is built: what an interrupted build left under its name is in the way. Outside of a build
 * IF NOT EXISTS would be content with it.
 *
 * @throws HF_MIGRATE_INDEX_INVALID when somebody else is building it, or the name is another table's
 */
export async function dropInvalidLeftover(
  client: pg.Client,
  id: string,
  { node, line }: Statement,
): Promise<boolean> {
  if (!('IndexStmt' in node)) return false
  const index = await findOwnIndex(client, node.IndexStmt)
  if (index === undefined) return false
  const { name } = index
  if (!index.isOnTable)
    throw indexInvalid(id, line, name, 'exists, and belongs to another table. Take another name')
  if (index.isValid) return false
  if (index.builder !== null)
    throw indexInvalid(
      id,
      line,
      name,
      `is being built by process ${index.builder} just now. Wait for it, then run up again`,
    )
  await client.query(`DROP INDEX CONCURRENTLY ${name}`)
  return true
}

/**
 * Before the first word of a build is written down: an index of that name would later pass for the one that was built.
 * @throws HF_MIGRATE_INDEX_INVALID
 */
export async function refuseExistingIndex(
  client: pg.Client,
  id: string,
  { node, line }: Statement,
): Promise<void> {
  if (!('IndexStmt' in node) || node.IndexStmt.if_not_exists) return
  const index = await findOwnIndex(client, node.IndexStmt)
  if (index?.isValid && index.isOnTable) throw indexInvalid(id, line, index.name, 'exists already')
}

/** @throws HF_MIGRATE_INDEX_INVALID when it is not valid */
export async function requireValidIndex(
  client: pg.Client,
  id: string,
  { node, line }: Statement,
): Promise<void> {
  if (!('IndexStmt' in node)) return
  const index = await findOwnIndex(client, node.IndexStmt)
  if (index?.isValid !== true || !index.isOnTable)
    throw indexInvalid(
      id,
      line,
      node.IndexStmt.idxname ?? '',
      'did not come out valid. Run up again: it drops the rest and builds anew',
    )
}

interface FoundIndex {
  /** Qualified and quoted. */
  readonly name: string
  readonly isValid: boolean
  /** Process that is building it. */
  readonly builder: number | null
  readonly isOnTable: boolean
}

/** What has the name of an index in the schema of its table, where an index always lies. */
async function findOwnIndex(
  client: pg.Client,
  { idxname = '', relation = {} }: IndexStmt,
): Promise<FoundIndex | undefined> {
  const table = await oidOf(client, nameOf(relation))
  const { rows } = await asOurselves(client, () =>
    client.query<FoundIndex & Record<string, unknown>>(
      `SELECT format('%I.%I', n.nspname, x.relname) AS name, coalesce(i.indisvalid AND i.indisready, true) AS "isValid",
            coalesce(i.indrelid = t.oid, false) AS "isOnTable",
            (SELECT pid FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = x.oid LIMIT 1) AS builder
       FROM pg_catalog.pg_class t JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
       JOIN pg_catalog.pg_class x ON x.relnamespace = n.oid AND x.relname = $2
       LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = x.oid
        WHERE t.oid = $1`,
      [table, idxname],
    ),
  )
  return rows[0]
}

/** The copies that an interrupted REINDEX CONCURRENTLY leaves: invalid, under a name that ends in _ccnew or _ccold. */
async function dropCopies(client: pg.Client, relation: RangeVar): Promise<void> {
  const subject = await oidOf(client, nameOf(relation))
  const { rows } = await asOurselves(client, () =>
    client.query<{ name: string }>(
      `SELECT format('%I.%I', n.nspname, c.relname) AS name
         FROM pg_catalog.pg_index i
       JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' AND n.nspname <> 'pg_toast'
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.relid = i.indrelid)
          AND i.indrelid IN (SELECT $1::oid UNION ALL SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = $1::oid)`,
      [subject],
    ),
  )
  for (const { name } of rows) await client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`)
}

async function hasDatabase(client: pg.Client, name: string): Promise<boolean> {
  const { rowCount } = await asOurselves(client, () =>
    client.query('SELECT FROM pg_catalog.pg_database WHERE datname = $1', [name]),
  )
  return rowCount === 1
}

function nameOf({ schemaname, relname }: RangeVar): string {
  return schemaname === undefined ? quoteQualified(relname ?? '') : quoteQualified(schemaname, relname ?? '')
}

function droppedNames(objects: readonly Node[]): string[] {
  return objects.map((object) => {
    const items = 'List' in object ? (object.List.items ?? []) : []
    return quoteQualified(...items.flatMap((item) => ('String' in item ? [item.String.sval ?? ''] : [])))
  })
}
