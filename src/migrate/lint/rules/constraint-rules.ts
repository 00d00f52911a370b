import type { Constraint, Node } from '@pgsql/types'
import { addedName, isProvenNotNull, isUnchecked } from '../alter-effects.ts'
import {
  alterWith,
  columnIn,
  constraintIn,
  inlineConstraints,
  stringOf,
  sqlName,
  toSql,
  writtenName,
} from '../../format/tree.ts'
import {
  type Alteration,
  alterations,
  type Rule,
  type RuleContext,
  steps,
  type Verdict,
  withoutTransaction,
} from '../rule.ts'

interface Added {
  readonly at: Alteration
  readonly constraint: Constraint
}

/** Constraints that ALTER TABLE adds by themselves. */
function added(context: RuleContext, ...types: readonly string[]): Added[] {
  return alterations(context, 'AT_AddConstraint').flatMap((at) => {
    const constraint = constraintIn(at.cmd.def)
    return constraint && types.includes(constraint.contype ?? '') ? [{ at, constraint }] : []
  })
}

/** Constraints that stand behind a column that ALTER TABLE adds. */
function inline(context: RuleContext, ...types: readonly string[]): Added[] {
  return alterations(context, 'AT_AddColumn').flatMap((at) => {
    const column = columnIn(at.cmd.def)
    return column
      ? inlineConstraints(column)
          .filter(({ contype }) => types.includes(contype ?? ''))
          .map((constraint) => ({ at, constraint }))
      : []
  })
}

/** ADD ... NOT VALID, and VALIDATE in the next migration. */
async function inTwoSteps({ at, constraint }: Added): Promise<string> {
  const name = addedName(at.name, constraint)
  const unchecked: Constraint = {
    ...constraint,
    conname: name,
    skip_validation: true,
    initially_valid: false,
  }
  return steps(
    `${await toSql(alterWith(at.relation, { ...at.cmd, def: { Constraint: unchecked } }))};`,
    '-- in the next migration, so that the lock of this one is given back first:',
    `ALTER TABLE ${writtenName(at.relation)} VALIDATE CONSTRAINT ${sqlName(name)};`,
  )
}

export const CONSTRAINT_RULES: readonly Rule[] = [
  {
    id: 'foreign-key-validates',
    title: 'A foreign key without NOT VALID stops writing to both tables while all rows are looked at.',
    isAboutWork: true,
    async check(context) {
      const own = added(context, 'CONSTR_FOREIGN').filter(({ constraint }) => !isUnchecked(constraint))
      // A new column is NULL everywhere, and nothing is looked at; with a default it is not.
      const behind = inline(context, 'CONSTR_FOREIGN').filter(({ at }) =>
        inlineConstraints(columnIn(at.cmd.def) ?? {}).some(({ contype }) => contype === 'CONSTR_DEFAULT'),
      )
      const verdicts: Verdict[] = []
      for (const one of [...own, ...behind]) {
        const refersTo = writtenName(one.constraint.pktable ?? {})
        verdicts.push({
          severity: 'error',
          message: `Nobody can write to ${writtenName(one.at.relation)} or ${refersTo} while all rows are looked at.`,
          safe: own.includes(one)
            ? await inTwoSteps(one)
            : '-- add the column first, then the foreign key with NOT VALID, and VALIDATE it in the next migration',
        })
      }
      return verdicts
    },
  },
  {
    id: 'check-validates',
    title: 'A CHECK or NOT NULL constraint without NOT VALID reads the whole table while nobody can use it.',
    isAboutWork: true,
    async check(context) {
      const verdicts: Verdict[] = []
      const own = added(context, 'CONSTR_CHECK', 'CONSTR_NOTNULL').filter(
        ({ at, constraint }) =>
          !isUnchecked(constraint) &&
          !(
            constraint.contype === 'CONSTR_NOTNULL' &&
            (constraint.keys ?? []).every((key) => isProvenNotNull(at.table, stringOf(key)))
          ),
      )
      for (const one of [...own, ...inline(context, 'CONSTR_CHECK')])
        verdicts.push({
          severity: 'error',
          message: `All rows of ${writtenName(one.at.relation)} are read while nobody can read or write it.`,
          safe: own.includes(one)
            ? await inTwoSteps(one)
            : '-- add the column without it; then ADD CONSTRAINT ... CHECK (...) NOT VALID, and VALIDATE it in the next migration',
        })
      return verdicts
    },
  },
  {
    id: 'constraint-builds-index',
    title: 'A unique, primary key or exclusion constraint builds its index while nobody can use the table.',
    isAboutWork: true,
    check: (context) => [
      ...added(context, 'CONSTR_UNIQUE', 'CONSTR_PRIMARY', 'CONSTR_EXCLUSION').flatMap((one) =>
        buildsIndex(context, one),
      ),
      ...inline(context, 'CONSTR_UNIQUE', 'CONSTR_PRIMARY').map(({ at, constraint }) => ({
        severity: 'error' as const,
        message: `The index is built while nobody can read or write ${writtenName(at.relation)}.`,
        safe: withIndexFirst({ at, constraint }, [at.cmd.def ? (columnIn(at.cmd.def)?.colname ?? '') : '']),
      })),
    ],
  },
  {
    id: 'validate-in-same-transaction',
    title:
      'VALIDATE in the transaction that adds the constraint keeps its stronger lock while all rows are read.',
    check(context) {
      if (!context.inTransaction) return []
      return alterations(context, 'AT_ValidateConstraint')
        .filter(({ table, cmd }) => table?.constraints.get(cmd.name ?? '')?.isNew)
        .map(({ relation }) => ({
          severity: 'error' as const,
          message: `The lock of ADD CONSTRAINT is held on while all rows of ${writtenName(relation)} are read, as if NOT VALID had not been said.`,
          safe: '-- move this statement into a migration of its own, behind this one',
        }))
    },
  },
  {
    id: 'domain-constraint',
    title: "A domain's constraint is checked for every row of every table that uses the domain.",
    check({ node }) {
      if (!('AlterDomainStmt' in node)) return []
      const { subtype, def, typeName = [] } = node.AlterDomainStmt
      const name = typeName.map(stringOf).join('.')
      const constraint = constraintIn(def)
      if (subtype === 'C' && constraint && !isUnchecked(constraint)) return [domainVerdict(name)]
      return subtype === 'O' || subtype === 'V' ? [domainVerdict(name)] : []
    },
  },
]

function domainVerdict(name: string): Verdict {
  return {
    severity: 'error',
    message: `All rows of all tables with a column of ${name} are read, each table locked against writing.`,
    safe: steps(
      `-- new values alone: ALTER DOMAIN ${name} ADD CONSTRAINT <name> CHECK (...) NOT VALID; VALIDATE reads under the same lock`,
      '-- for the rows that are there: a CHECK on each table, in two steps with NOT VALID',
    ),
  }
}

function buildsIndex({ world }: RuleContext, { at, constraint }: Added): Verdict[] {
  const { contype, indexname, keys = [] } = constraint
  const table = writtenName(at.relation)
  const columns = keys.map(stringOf)
  if (indexname !== undefined) {
    if (contype !== 'CONSTR_PRIMARY') return []
    const schema = at.name.split('.')[0] ?? 'public'
    const indexed = world.indexes.get(`${schema}.${indexname}`)?.columns
    if (indexed?.every((column) => isProvenNotNull(at.table, column))) return []
    return [
      {
        severity: indexed ? 'error' : 'warning',
        message: `Its columns are not known to be NOT NULL, so that all rows of ${table} are read while nobody can use it.`,
        safe: '-- first SET NOT NULL, proven by a valid CHECK (see set-not-null), in a migration before this one',
      },
    ]
  }
  return [
    {
      severity: 'error',
      message: `The index is built while nobody can read or write ${table}.`,
      safe:
        contype === 'CONSTR_EXCLUSION'
          ? '-- an exclusion constraint cannot be built otherwise: do it at a quiet hour, or on a new table'
          : at.table?.kind === 'partitioned'
            ? '-- the same constraint on each partition first, its index built CONCURRENTLY; then this statement takes them over'
            : withIndexFirst({ at, constraint }, columns),
    },
  ]
}

/** The index concurrently, then the constraint on top of it. */
function withIndexFirst({ at, constraint }: Added, columns: readonly string[]): string {
  const table = writtenName(at.relation)
  const name = sqlName(
    constraint.conname ??
      addedName(at.name, { ...constraint, keys: columns.map((one): Node => ({ String: { sval: one } })) }),
  )
  const kind = constraint.contype === 'CONSTR_PRIMARY' ? 'PRIMARY KEY' : 'UNIQUE'
  return steps(
    withoutTransaction(
      `CREATE UNIQUE INDEX CONCURRENTLY ${name} ON ${table} (${columns.map((one) => sqlName(one)).join(', ')});`,
    ),
    '-- and in the migration after it:',
    `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${kind} USING INDEX ${name};`,
  )
}
