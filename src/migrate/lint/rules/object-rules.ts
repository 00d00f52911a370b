import type { Node } from '@pgsql/types'
import { wordsOf, sqlName, writtenName } from '../../format/tree.ts'
import { alterations, type Rule, type RuleContext, steps, type Verdict, withoutTransaction } from '../rule.ts'

const STILL_USED = 'Whatever still names it fails from that moment on.'

/** A rule about DROP of one kind of thing. */
function dropRule(
  id: string,
  kinds: readonly string[],
  title: string,
  message: (name: string) => string,
): Rule {
  return {
    id,
    title,
    check({ node, world }) {
      if (!('DropStmt' in node) || !kinds.includes(node.DropStmt.removeType ?? '')) return []
      return (node.DropStmt.objects ?? [])
        .map(wordsOf)
        .filter((words) => !world.isNew(world.qualified(words)))
        .map((words) => ({ severity: 'warning' as const, message: message(words.join('.')) }))
    },
  }
}

/** What RENAME is about, with the words that stand for it. */
const RENAMES: Readonly<Record<string, string>> = {
  OBJECT_TABLE: 'rename-table',
  OBJECT_VIEW: 'rename-table',
  OBJECT_MATVIEW: 'rename-table',
  OBJECT_COLUMN: 'rename-column',
  OBJECT_SCHEMA: 'rename-schema',
}

function renameRule(id: string, title: string, safe: (context: RuleContext) => string): Rule {
  return {
    id,
    title,
    check(context) {
      const { node, world } = context
      if (!('RenameStmt' in node) || RENAMES[node.RenameStmt.renameType ?? ''] !== id) return []
      const { relation, subname, newname = '' } = node.RenameStmt
      if (relation && world.isNew(world.nameOf(relation))) return []
      const what = [relation ? writtenName(relation) : '', id === 'rename-table' ? '' : (subname ?? '')]
        .filter(Boolean)
        .join('.')
      return [
        {
          severity: 'warning',
          message: `${what} is called ${newname} for everybody at once. ${STILL_USED}`,
          safe: safe(context),
        },
      ]
    },
  }
}

/** A sub-command of ALTER TABLE that writes the table anew, or moves it. */
function rewriteRule(id: string, subtypes: readonly string[], title: string, safe: string): Rule {
  return {
    id,
    title,
    check: (context) =>
      alterations(context, ...subtypes).map(({ relation }) => ({
        severity: 'error' as const,
        message: `${writtenName(relation)} is written anew while nobody can read or write it.`,
        safe,
      })),
  }
}

export const OBJECT_RULES: readonly Rule[] = [
  dropRule(
    'drop-table',
    ['OBJECT_TABLE', 'OBJECT_FOREIGN_TABLE', 'OBJECT_MATVIEW'],
    'DROP TABLE takes the rows with it.',
    (name) => `${name} and its rows are gone. ${STILL_USED}`,
  ),
  dropRule(
    'drop-schema',
    ['OBJECT_SCHEMA'],
    'DROP SCHEMA takes everything in it.',
    (name) => `The schema ${name} is gone. ${STILL_USED}`,
  ),
  {
    id: 'drop-database',
    title: 'DROP DATABASE takes everything.',
    check: ({ node }) =>
      'DropdbStmt' in node
        ? [
            {
              severity: 'error',
              message: `The database ${node.DropdbStmt.dbname ?? ''} and everything in it is gone.`,
            },
          ]
        : [],
  },
  {
    id: 'drop-cascade',
    title: 'DROP ... CASCADE takes what nobody named.',
    check: (context) => cascades(context),
  },
  renameRule('rename-table', 'A renamed table breaks every running service that names it.', ({ node }) => {
    const { relation = {}, newname = '' } = 'RenameStmt' in node ? node.RenameStmt : {}
    const [old, renamed] = [writtenName(relation), writtenName({ ...relation, relname: newname })]
    return steps(
      '-- rename, and leave a view under the old name until no service needs it:',
      `ALTER TABLE ${old} RENAME TO ${sqlName(newname)};`,
      `CREATE VIEW ${old} AS SELECT * FROM ${renamed};`,
    )
  }),
  renameRule(
    'rename-column',
    'A renamed column breaks every running service that names it.',
    () =>
      '-- add the new column, keep both with a trigger, fill it in batches (backfill.ts), and drop the old one with phase=contract',
  ),
  renameRule(
    'rename-schema',
    'A renamed schema breaks every running service that names it.',
    () => '-- make the new schema, and move one table at a time, with a view under its old name',
  ),
  {
    id: 'rename-enum-value',
    title: 'A renamed enum value breaks every running service that writes or compares the old one.',
    check: ({ node }) =>
      'AlterEnumStmt' in node && node.AlterEnumStmt.oldVal !== undefined
        ? [
            {
              severity: 'warning',
              message: `'${node.AlterEnumStmt.oldVal}' is no longer known. ${STILL_USED}`,
              safe: `-- add the new value, ship a service that writes it and reads both, and change the rows in batches (backfill.ts)`,
            },
          ]
        : [],
  },
  {
    id: 'set-schema',
    title: 'SET SCHEMA is a rename: whatever names the old place fails.',
    check({ node, world }) {
      if (!('AlterObjectSchemaStmt' in node)) return []
      const { relation, object, newschema = '' } = node.AlterObjectSchemaStmt
      if (relation && world.isNew(world.nameOf(relation))) return []
      const name = relation ? writtenName(relation) : wordsOf(object).join('.')
      return [{ severity: 'warning', message: `${name} is in ${newschema} from now on. ${STILL_USED}` }]
    },
  },
  rewriteRule(
    'set-persistence',
    ['AT_SetLogged', 'AT_SetUnLogged'],
    'SET LOGGED and SET UNLOGGED write the whole table anew.',
    '-- make a new table, copy in batches, and change places',
  ),
  rewriteRule(
    'set-tablespace',
    ['AT_SetTableSpace'],
    'SET TABLESPACE copies the whole table.',
    '-- for indexes: REINDEX (CONCURRENTLY, TABLESPACE <name>); for a table: pg_repack, or a new table filled in batches',
  ),
  rewriteRule(
    'set-access-method',
    ['AT_SetAccessMethod', 'AT_SetExpression'],
    'SET ACCESS METHOD and SET EXPRESSION write the whole table anew.',
    '-- make a new table or column, fill it in batches, and change places',
  ),
  {
    id: 'cluster',
    title: 'CLUSTER writes the whole table anew while nobody can use it.',
    check: ({ node, world }) =>
      'ClusterStmt' in node &&
      !(node.ClusterStmt.relation && world.isNew(world.nameOf(node.ClusterStmt.relation)))
        ? [
            {
              severity: 'error',
              message: 'The table is written anew, in order, while nobody can read or write it.',
              safe: '-- pg_repack does it beside the traffic',
            },
          ]
        : [],
  },
  {
    id: 'vacuum-full',
    title: 'VACUUM FULL writes the whole table anew while nobody can use it.',
    check: ({ node }) => (isVacuumFull(node) ? [vacuumFull(node)] : []),
  },
  {
    id: 'truncate',
    title: 'TRUNCATE takes all rows at once.',
    check({ node, world }) {
      if (!('TruncateStmt' in node)) return []
      const { relations = [], behavior } = node.TruncateStmt
      const names = relations.flatMap((one) => ('RangeVar' in one ? [world.nameOf(one.RangeVar)] : []))
      if (names.every((name) => world.isNew(name))) return []
      const others = behavior === 'DROP_CASCADE' ? names.flatMap((name) => world.referencing(name)) : []
      const and =
        others.length > 0
          ? `, and with CASCADE those of ${others.join(', ')}`
          : behavior === 'DROP_CASCADE'
            ? ', and with CASCADE those of every table that refers to it'
            : ''
      return [
        {
          severity: 'error',
          message: `All rows of ${names.join(', ')} are gone${and}; nobody can read or write it meanwhile.`,
        },
      ]
    },
  },
  {
    id: 'lock-table',
    title: 'LOCK TABLE keeps others out until the migration ends.',
    check({ node }) {
      if (!('LockStmt' in node) || (node.LockStmt.mode ?? 8) < 5) return []
      return [
        {
          severity: 'warning',
          message: 'It is held to the end of the migration, whatever that takes.',
          safe: '-- leave it out: each statement takes the lock that it needs',
        },
      ]
    },
  },
]

function isVacuumFull(node: Node): boolean {
  return (
    'VacuumStmt' in node &&
    (node.VacuumStmt.options ?? []).some((option) => 'DefElem' in option && option.DefElem.defname === 'full')
  )
}

function vacuumFull(node: Node): Verdict {
  const rels = 'VacuumStmt' in node ? (node.VacuumStmt.rels ?? []) : []
  const names = rels.flatMap((one) =>
    'VacuumRelation' in one && one.VacuumRelation.relation ? [writtenName(one.VacuumRelation.relation)] : [],
  )
  return {
    severity: 'error',
    message: `${names.join(', ') || 'Every table'} is written anew while nobody can read or write it.`,
    safe: withoutTransaction(
      `VACUUM ${names.join(', ')};`,
      '-- makes the room usable again; pg_repack gives it back beside the traffic',
    ),
  }
}

function cascades(context: RuleContext): Verdict[] {
  const { node, world } = context
  const verdict: Verdict = {
    severity: 'warning',
    message: 'CASCADE takes everything that depends on it, named or not.',
    safe: '-- name each thing that goes',
  }
  if ('DropStmt' in node && node.DropStmt.behavior === 'DROP_CASCADE') {
    const names = (node.DropStmt.objects ?? []).map((object) => world.qualified(wordsOf(object)))
    return names.length > 0 && names.every((name) => world.isNew(name)) ? [] : [verdict]
  }
  return alterations(context, 'AT_DropColumn', 'AT_DropConstraint')
    .filter(({ cmd }) => cmd.behavior === 'DROP_CASCADE')
    .map(() => verdict)
}
