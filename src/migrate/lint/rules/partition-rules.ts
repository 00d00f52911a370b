import { partitionCommandOf } from '../../format/special-statements.ts'
import { attachScans, missingIndexes } from '../alter-effects.ts'
import { alterWith, sqlName, toSql, writtenName } from '../../format/tree.ts'
import { alterations, type Rule, steps, withoutTransaction } from '../rule.ts'

export const PARTITION_RULES: readonly Rule[] = [
  {
    id: 'attach-without-check',
    title:
      'ATTACH PARTITION reads the whole partition under a lock, unless a valid CHECK says what its bound says.',
    isAboutWork: true,
    check: (context) =>
      alterations(context, 'AT_AttachPartition').flatMap(({ table, cmd }) => {
        const partition = partitionCommandOf(cmd)?.name
        if (context.world.isNew(context.world.nameOf(partition)) || !attachScans(table, cmd, context.world))
          return []
        const name = writtenName(partition ?? {})
        return [
          {
            severity: table?.partitionKey === undefined ? ('warning' as const) : ('error' as const),
            message: `All rows of ${name} are read while nobody can read or write it.`,
            safe: steps(
              `ALTER TABLE ${name} ADD CONSTRAINT ${sqlName(`${partition?.relname ?? ''}_bound`)} CHECK (<key> IS NOT NULL AND <key> >= <from> AND <key> < <to>) NOT VALID;`,
              '-- in the next migration:',
              `ALTER TABLE ${name} VALIDATE CONSTRAINT ${sqlName(`${partition?.relname ?? ''}_bound`)};`,
              '-- and then this statement',
            ),
          },
        ]
      }),
  },
  {
    id: 'attach-builds-index',
    title: 'ATTACH PARTITION builds each index of the parent that the partition lacks, under its lock.',
    isAboutWork: true,
    check: (context) =>
      alterations(context, 'AT_AttachPartition').flatMap(({ name, relation, cmd }) => {
        const partition = partitionCommandOf(cmd)?.name
        const own = context.world.nameOf(partition)
        if (context.world.isNew(own)) return []
        return missingIndexes(context.world, name, own).map((columns) => ({
          severity: 'error' as const,
          message: `The index of ${writtenName(relation)} on (${columns}) is built on ${writtenName(partition ?? {})} while nobody can read or write that.`,
          safe: withoutTransaction(
            `CREATE INDEX CONCURRENTLY ${sqlName(`${partition?.relname ?? ''}_${columns.replaceAll(/\W+/g, '_')}`)} ON ${writtenName(partition ?? {})} (${columns});`,
          ),
        }))
      }),
  },
  {
    id: 'attach-scans-default',
    title: 'A new partition makes PostgreSQL read the whole default partition under a lock.',
    isAboutWork: true,
    check(context) {
      const parents = alterations(context, 'AT_AttachPartition').map(({ name }) => name)
      const { node, world } = context
      if ('CreateStmt' in node && node.CreateStmt.partbound && !node.CreateStmt.partbound.is_default)
        for (const parent of node.CreateStmt.inhRelations ?? [])
          if ('RangeVar' in parent) parents.push(world.nameOf(parent.RangeVar))
      return parents.flatMap((parent) => {
        const rest = world
          .partitionsOf(parent)
          .find(({ isDefaultPartition, isNew }) => isDefaultPartition && !isNew)
        if (!rest) return []
        return [
          {
            severity: 'error' as const,
            message: `All rows of the default partition ${rest.name} are read while nobody can read or write it.`,
            safe: `-- first give ${rest.name} a valid CHECK that rules the new partition's rows out, in two steps with NOT VALID`,
          },
        ]
      })
    },
  },
  {
    id: 'detach-not-concurrent',
    title:
      'DETACH PARTITION without CONCURRENTLY waits for everybody on the parent, and everybody waits behind it.',
    async check(context) {
      const found = alterations(context, 'AT_DetachPartition').filter(
        ({ cmd }) => !partitionCommandOf(cmd)?.concurrent,
      )
      return Promise.all(
        found.map(async ({ relation, cmd }) => {
          const command = partitionCommandOf(cmd) ?? {}
          const sql = await toSql(
            alterWith(relation, { ...cmd, def: { PartitionCmd: { ...command, concurrent: true } } }),
          )
          return {
            severity: 'warning' as const,
            message: `It locks ${writtenName(relation)} against reading and writing, and waits for its longest transaction first.`,
            safe: withoutTransaction(`${sql};`),
          }
        }),
      )
    },
  },
]
