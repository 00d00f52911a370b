import type { Node } from '@pgsql/types'
import { toSql, wordsOf, writtenName } from '../../format/tree.ts'
import { type Rule, steps, type Verdict, withoutTransaction } from '../rule.ts'

const MOST_COLUMNS = 3

export const INDEX_RULES: readonly Rule[] = [
  {
    id: 'create-index-not-concurrent',
    title: 'CREATE INDEX without CONCURRENTLY stops writing to the table until the index is built.',
    isAboutWork: true,
    async check({ node, world }) {
      if (
        !('IndexStmt' in node) ||
        node.IndexStmt.concurrent ||
        world.isNew(world.nameOf(node.IndexStmt.relation))
      )
        return []
      const { relation, idxname } = node.IndexStmt
      const table = writtenName(relation ?? {})
      if (node.IndexStmt.if_not_exists && idxname && world.indexes.has(world.qualified([idxname]))) return []
      // ON ONLY makes the parent's entry, and nothing to fill it with.
      if (world.table(relation)?.kind === 'partitioned') return relation?.inh ? [partitioned(table)] : []
      const named = idxname ?? `${relation?.relname ?? ''}_idx`
      const concurrent: Node = { IndexStmt: { ...node.IndexStmt, idxname: named, concurrent: true } }
      return [
        {
          severity: 'error',
          message: `Nobody can write to ${table} until the index is built.`,
          safe: withoutTransaction(`${await toSql(concurrent)};`),
        },
      ]
    },
  },
  {
    id: 'drop-index-not-concurrent',
    title: 'DROP INDEX without CONCURRENTLY waits for everybody on the table, and everybody waits behind it.',
    async check({ node, world }) {
      if (!('DropStmt' in node) || node.DropStmt.removeType !== 'OBJECT_INDEX' || node.DropStmt.concurrent)
        return []
      const { objects = [] } = node.DropStmt
      const tables = objects.map((object) => world.indexes.get(world.qualified(wordsOf(object)))?.table)
      if (tables.every((table) => table !== undefined && world.isNew(table))) return []
      if (tables.some((table) => table !== undefined && world.tables.get(table)?.kind === 'partitioned'))
        return []
      const one = await Promise.all(
        objects.map((object) =>
          toSql({
            DropStmt: { ...node.DropStmt, objects: [object], concurrent: true, behavior: 'DROP_RESTRICT' },
          }),
        ),
      )
      return [
        {
          severity: 'warning',
          message:
            'It locks the table against reading and writing for a moment, and waits for the longest transaction first.',
          safe: withoutTransaction(...one.map((sql) => `${sql};`)),
        },
      ]
    },
  },
  {
    id: 'reindex-not-concurrent',
    title: 'REINDEX without CONCURRENTLY stops writing, and reading by the index, until it is built anew.',
    async check({ node, world }) {
      if (!('ReindexStmt' in node)) return []
      const { params = [], relation, kind } = node.ReindexStmt
      if (params.some((param) => 'DefElem' in param && param.DefElem.defname === 'concurrently')) return []
      if (relation && kind === 'REINDEX_OBJECT_TABLE' && world.isNew(world.nameOf(relation))) return []
      const concurrent = { DefElem: { defname: 'concurrently', defaction: 'DEFELEM_UNSPEC' as const } }
      return [
        {
          severity: 'error',
          message:
            'Nobody can write to the table until its index is built anew, and plans that look at the index wait too.',
          safe: withoutTransaction(
            `${await toSql({ ReindexStmt: { ...node.ReindexStmt, params: [...params, concurrent] } })};`,
          ),
        },
      ]
    },
  },
  {
    id: 'wide-index',
    title: 'An index over more than three columns is seldom used in full, and every write pays for it.',
    check({ node }) {
      if (!('IndexStmt' in node)) return []
      const { indexParams = [], accessMethod = 'btree' } = node.IndexStmt
      if (indexParams.length <= MOST_COLUMNS || accessMethod === 'bloom') return []
      return [
        {
          severity: 'info',
          message: `It has ${indexParams.length} columns. The first ones do most of the work; what is only read along can go into INCLUDE.`,
        },
      ]
    },
  },
  {
    id: 'refresh-not-concurrent',
    title: 'REFRESH MATERIALIZED VIEW without CONCURRENTLY keeps everybody from reading it.',
    async check({ node, world }) {
      if (!('RefreshMatViewStmt' in node) || node.RefreshMatViewStmt.concurrent) return []
      const { relation, skipData } = node.RefreshMatViewStmt
      if (world.isNew(world.nameOf(relation))) return []
      return [
        {
          severity: 'warning',
          message: `Nobody can read ${writtenName(relation ?? {})} until it is filled anew.`,
          safe: skipData
            ? undefined
            : steps(
                '-- needs a unique index over all of its rows',
                `REFRESH MATERIALIZED VIEW CONCURRENTLY ${writtenName(relation ?? {})};`,
              ),
        },
      ]
    },
  },
]

function partitioned(table: string): Verdict {
  return {
    severity: 'error',
    message: `Nobody can write to ${table} or any of its partitions until all the indexes are built; CONCURRENTLY does not work on it.`,
    safe: steps(
      `-- first only on the parent: CREATE INDEX <name> ON ONLY ${table} (...);`,
      '-- then on each partition, without transaction: CREATE INDEX CONCURRENTLY <name> ON <partition> (...);',
      "-- and each attached: ALTER INDEX <name> ATTACH PARTITION <name of the partition's>;",
    ),
  }
}
