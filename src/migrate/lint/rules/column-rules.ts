import type { ColumnDef, Node } from '@pgsql/types'
import { addColumnRewrite, checksOf, columnTypeChange, isProvenNotNull } from '../alter-effects.ts'
import {
  alterWith,
  columnIn,
  functionsIn,
  inlineConstraints,
  modifiersOf,
  sqlName,
  toSql,
  typeNameOf,
  writtenName,
} from '../../format/tree.ts'
import { type Alteration, alterations, type Rule, type RuleContext, steps, type Verdict } from '../rule.ts'

const REWRITE = 'The whole table is written anew while nobody can read or write it.'

/** The added columns of a statement with why they make it write the table anew. */
function addedColumns(
  context: RuleContext,
): { at: Alteration; column: ColumnDef; rewrite: ReturnType<typeof addColumnRewrite> }[] {
  return alterations(context, 'AT_AddColumn').flatMap((at) => {
    const column = columnIn(at.cmd.def)
    return column ? [{ at, column, rewrite: addColumnRewrite(column, context.world, context.version) }] : []
  })
}

/** The same column without what makes it expensive. */
async function addPlain(
  { relation, cmd }: Alteration,
  column: ColumnDef,
  drop: readonly string[],
): Promise<string> {
  const constraints = (column.constraints ?? []).filter(
    (node) => !('Constraint' in node) || !drop.includes(node.Constraint.contype ?? ''),
  )
  return toSql(alterWith(relation, { ...cmd, def: { ColumnDef: { ...column, constraints } } }))
}

const backfill = (at: Alteration, column: string): string =>
  `-- then give the rows their value in batches: a backfill.ts beside this migration, for ${writtenName(at.relation)}.${column}`

const DOMAIN_WORDS = {
  'volatile default': 'Its default is another value for each row',
  'unknown default': 'Its default calls a function that may give another value for each row',
} as const

export const COLUMN_RULES: readonly Rule[] = [
  {
    id: 'add-column-volatile-default',
    title: 'ADD COLUMN with a default that differs from row to row writes the whole table anew.',
    isAboutWork: true,
    async check(context) {
      const found: Verdict[] = []
      for (const { at, column, rewrite } of addedColumns(context)) {
        if (rewrite !== 'volatile default' && rewrite !== 'unknown default' && rewrite !== 'domain') continue
        const name = column.colname ?? ''
        const value = inlineConstraints(column).find(({ contype }) => contype === 'CONSTR_DEFAULT')?.raw_expr
        const words =
          rewrite === 'domain'
            ? 'Its domain has a condition that each row is checked for'
            : DOMAIN_WORDS[rewrite]
        found.push({
          severity: rewrite === 'unknown default' ? 'warning' : 'error',
          message: `${words} (${functionsIn(value).join(', ') || typeNameOf(column.typeName)}). ${REWRITE}`,
          safe: steps(
            `${await addPlain(at, column, ['CONSTR_DEFAULT', 'CONSTR_NOTNULL'])};`,
            ...(value
              ? [`${await toSql(alterWith(at.relation, { subtype: 'AT_ColumnDefault', name, def: value }))};`]
              : []),
            backfill(at, name),
          ),
        })
      }
      return found
    },
  },
  {
    id: 'add-column-stored-generated',
    title: 'ADD COLUMN ... GENERATED ... STORED writes the whole table anew.',
    isAboutWork: true,
    check: (context) =>
      addedColumns(context)
        .filter(({ rewrite }) => rewrite === 'stored generated')
        .map(({ at, column }) => ({
          severity: 'error' as const,
          message: `The value is worked out and stored for each row. ${REWRITE}`,
          safe: steps(
            ...(context.version >= 18
              ? ['-- on PostgreSQL 18 say VIRTUAL instead of STORED: nothing is written. Else:']
              : []),
            `-- add ${column.colname ?? ''} as an ordinary column, keep it with a trigger, and fill it in batches (backfill.ts)`,
            `ALTER TABLE ${writtenName(at.relation)} ADD COLUMN ${sqlName(column.colname)} ${typeNameOf(column.typeName)};`,
          ),
        })),
  },
  {
    id: 'add-column-serial',
    title: 'ADD COLUMN with serial or identity numbers every row, and so writes the whole table anew.',
    isAboutWork: true,
    check: (context) =>
      addedColumns(context)
        .filter(({ rewrite }) => rewrite === 'serial' || rewrite === 'identity')
        .map(({ at, column }) => {
          const table = writtenName(at.relation)
          const name = sqlName(column.colname)
          const { schemaname, relname } = at.relation
          const sequence = writtenName({
            ...(schemaname !== undefined && { schemaname }),
            relname: `${relname ?? ''}_${column.colname ?? ''}_seq`,
          })
          return {
            severity: 'error' as const,
            message: `Every row gets a number. ${REWRITE}`,
            safe: steps(
              `ALTER TABLE ${table} ADD COLUMN ${name} bigint;`,
              `CREATE SEQUENCE ${sequence} OWNED BY ${table}.${name};`,
              `ALTER TABLE ${table} ALTER COLUMN ${name} SET DEFAULT nextval('${sequence}');`,
              backfill(at, column.colname ?? ''),
            ),
          }
        }),
  },
  {
    id: 'add-column-not-null',
    title: 'ADD COLUMN ... NOT NULL without a default fails as soon as the table has a row.',
    check: (context) =>
      addedColumns(context)
        .filter(({ column, rewrite }) => {
          const kinds = new Set(inlineConstraints(column).map(({ contype }) => contype))
          const isRequired = kinds.has('CONSTR_NOTNULL') || kinds.has('CONSTR_PRIMARY')
          return (
            isRequired &&
            rewrite === undefined &&
            !kinds.has('CONSTR_DEFAULT') &&
            !kinds.has('CONSTR_GENERATED')
          )
        })
        .map(({ at, column }) => ({
          severity: 'error' as const,
          message: 'It fails as soon as the table has a row, and the service that runs now does not fill it.',
          safe: steps(
            `-- with a default, which costs nothing: ALTER TABLE ${writtenName(at.relation)} ADD COLUMN ${sqlName(column.colname)} ${typeNameOf(column.typeName)} NOT NULL DEFAULT <value>;`,
            '-- or without NOT NULL; fill it in batches (backfill.ts); and then, in a later migration:',
            ...setNotNullSafely(writtenName(at.relation), column.colname ?? ''),
          ),
        })),
  },
  {
    id: 'set-not-null',
    title:
      'SET NOT NULL reads the whole table under a lock, unless a valid CHECK proves that there is no NULL.',
    isAboutWork: true,
    check: (context) =>
      alterations(context, 'AT_SetNotNull')
        .filter(({ table, cmd }) => !isProvenNotNull(table, cmd.name ?? ''))
        .map(({ relation, cmd }) => ({
          severity: 'error' as const,
          message: `All rows of ${writtenName(relation)} are read while nobody can read or write it.`,
          safe: steps(...setNotNullSafely(writtenName(relation), cmd.name ?? '')),
        })),
  },
  {
    id: 'change-type',
    title: 'A change of type that does not leave the stored values as they are writes the whole table anew.',
    isAboutWork: true,
    check: (context) => alterations(context, 'AT_AlterColumnType').flatMap((at) => changedType(at)),
  },
  {
    id: 'drop-column',
    title: 'DROP COLUMN breaks every running service that still names the column, and cannot be taken back.',
    check: (context) =>
      alterations(context, 'AT_DropColumn').map(({ relation, cmd }) => ({
        severity: 'warning' as const,
        message: `${writtenName(relation)}.${cmd.name ?? ''} and its values are gone, and whatever still names it fails.`,
        safe: steps(
          '-- first ship a service that does not name it; then, in a migration with',
          '-- holdfast: phase=contract',
          `-- holdfast: allow=drop-column reason="nothing names it since ..."`,
        ),
      })),
  },
  {
    id: 'drop-not-null',
    title: 'DROP NOT NULL lets NULL reach services that do not expect it.',
    check: (context) =>
      alterations(context, 'AT_DropNotNull').map(({ relation, cmd }) => ({
        severity: 'warning' as const,
        message: `Whatever reads ${writtenName(relation)}.${cmd.name ?? ''} may meet NULL from now on.`,
      })),
  },
  {
    id: 'json-column',
    title: 'json has no equality: DISTINCT, GROUP BY and UNION over it fail. jsonb has, and can be indexed.',
    check: (context) => jsonColumns(context),
  },
]

/** SET NOT NULL without reading the table under its lock. */
function setNotNullSafely(table: string, column: string): string[] {
  const name = `${column}_not_null`
  return [
    `ALTER TABLE ${table} ADD CONSTRAINT ${sqlName(name)} CHECK (${sqlName(column)} IS NOT NULL) NOT VALID;`,
    '-- in the next migration, so that the lock of this one is given back first:',
    `ALTER TABLE ${table} VALIDATE CONSTRAINT ${sqlName(name)};`,
    '-- and in the one after it, where the CHECK proves it without reading:',
    `ALTER TABLE ${table} ALTER COLUMN ${sqlName(column)} SET NOT NULL;`,
    `ALTER TABLE ${table} DROP CONSTRAINT ${sqlName(name)};`,
  ]
}

function changedType(at: Alteration): Verdict[] {
  const change = columnTypeChange(at.table, at.cmd)
  const column = at.cmd.name ?? ''
  const checks = checksOf(at.table, column)
  if (change === 'nothing')
    return checks.length === 0 ? [] : [checkedAgain(writtenName(at.relation), column, checks)]
  const to = columnIn(at.cmd.def)?.typeName
  const type = `${typeNameOf(to)}${modifiersOf(to).length > 0 ? `(${modifiersOf(to).join(', ')})` : ''}`
  const from = at.table?.columns.get(column)?.type
  const table = writtenName(at.relation)
  return [
    {
      severity: change === 'unknown' && from === undefined ? 'warning' : 'error',
      message:
        from === undefined
          ? `Whether the table is written anew depends on what ${column} is now; a database or a snapshot would tell.`
          : `From ${from.name} to ${type} every value changes. ${REWRITE}`,
      safe: steps(
        `ALTER TABLE ${table} ADD COLUMN ${sqlName(`${column}_new`)} ${type};`,
        '-- keep it with a trigger, fill it in batches (backfill.ts), ship a service that uses it,',
        `-- and drop ${column} in a migration with phase=contract`,
      ),
    },
  ]
}

/** The values stay as they are, and every CHECK about them is checked again. */
function checkedAgain(table: string, column: string, checks: readonly string[]): Verdict {
  return {
    severity: 'error',
    message: `All rows of ${table} are read while nobody can read or write it: ${checks.join(', ')} is checked again, since it is about ${column}.`,
    safe: steps(
      ...checks.map((name) => `ALTER TABLE ${table} DROP CONSTRAINT ${sqlName(name)};`),
      '-- then this statement, in the same migration; then each CHECK again with NOT VALID, and in the next migration:',
      ...checks.map((name) => `ALTER TABLE ${table} VALIDATE CONSTRAINT ${sqlName(name)};`),
    ),
  }
}

function jsonColumns(context: RuleContext): Verdict[] {
  const isJson = (node: Node | undefined): boolean => typeNameOf(columnIn(node)?.typeName) === 'json'
  const { node } = context
  const columns =
    'CreateStmt' in node
      ? (node.CreateStmt.tableElts ?? []).filter(isJson)
      : alterations(context, 'AT_AddColumn').flatMap(({ cmd }) =>
          cmd.def && isJson(cmd.def) ? [cmd.def] : [],
        )
  return columns.map((one) => ({
    severity: 'warning',
    message: `${columnIn(one)?.colname ?? 'It'} is json: it cannot be compared, so that SELECT DISTINCT and UNION over the table fail.`,
    safe: `-- ${sqlName(columnIn(one)?.colname)} jsonb`,
  }))
}
