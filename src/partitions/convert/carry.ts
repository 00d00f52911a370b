import { quoteIdentifier, quoteLiteral, quoteQualified } from '../../core/index.ts'
import { shortened } from '../name.ts'
import type { Definition, Grant, Trigger } from './definition.ts'

/** Makes that what hangs on a table hangs on another, which has its name by then. The first lets go, the second takes. */

const named = (name: string): string => quoteIdentifier(name)

/** What the table lets go of, before it loses its name. */
export function lettingGo(d: Definition, renames: ReadonlyMap<string, string>): string[] {
  const grantees = new Set(d.grants.map(({ grantee }) => grantee))
  return [
    ...d.referencedBy.map(({ name, other }) => `ALTER TABLE ${other} DROP CONSTRAINT ${named(name)}`),
    ...d.triggers.map(({ name }) => `DROP TRIGGER ${named(name)} ON ${d.sql}`),
    ...d.policies.map(({ name }) => `DROP POLICY ${named(name)} ON ${d.sql}`),
    ...d.publications
      .filter(({ isNamed }) => isNamed)
      .map(({ name }) => `ALTER PUBLICATION ${named(name)} DROP TABLE ${d.sql}`),
    ...d.statistics.map(
      ({ sql, name }) => `ALTER STATISTICS ${sql} RENAME TO ${named(renames.get(name) ?? name)}`,
    ),
    ...[...grantees]
      .filter((grantee) => grantee !== named(d.owner) && grantee !== d.owner)
      .map((grantee) => `REVOKE ALL ON ${d.sql} FROM ${grantee} CASCADE`),
    ...(d.forceRowSecurity ? [`ALTER TABLE ${d.sql} NO FORCE ROW LEVEL SECURITY`] : []),
  ]
}

/**
 * Sequences move while both tables still have their names apart: the place that a sequence has reached is kept, not guessed from
 * the rows.
 * @param from the table that has them
 * @param to the table that gets them
 */
export function movingSequences(d: Definition, from: string, to: string): string[] {
  return d.sequences.flatMap((sequence) => {
    const column = named(sequence.column)
    if (sequence.kind === 'owned') return [`ALTER SEQUENCE ${sequence.sql} OWNED BY ${to}.${column}`]
    const old = shortened(sequence.name, 'legacy')
    const manner =
      d.columns.find(({ name }) => name === sequence.column)?.identity === 'a' ? 'ALWAYS' : 'BY DEFAULT'
    return [
      // Renaming takes a lock that nextval waits for.
      `ALTER SEQUENCE ${sequence.sql} RENAME TO ${named(old)}`,
      `ALTER TABLE ${to} ALTER COLUMN ${column} ADD GENERATED ${manner} AS IDENTITY (SEQUENCE NAME ${sequence.sql} ${sequence.options})`,
      `SELECT setval(${quoteLiteral(sequence.sql)}, last_value, is_called) FROM ${quoteQualified(sequence.schema, old)}`,
      `ALTER TABLE ${from} ALTER COLUMN ${column} DROP IDENTITY`,
      ...sequence.grants.map((grant) => granting(grant, `SEQUENCE ${sequence.sql}`)),
      ...commenting(`SEQUENCE ${sequence.sql}`, sequence.comment),
    ]
  })
}

/** What the table that has the name now takes. Definitions were written when the other had it. */
export function taking(d: Definition, carriesForeignKey: (columns: readonly string[]) => boolean): string[] {
  const { sql } = d
  const columns = d.columns.flatMap(({ name, statistics, options }) => [
    ...(statistics === null ? [] : [`ALTER COLUMN ${named(name)} SET STATISTICS ${statistics}`]),
    ...(options === null ? [] : [`ALTER COLUMN ${named(name)} SET (${options.join(', ')})`]),
  ])
  return [
    ...d.statistics.flatMap(({ sql: statistics, definition, comment }) => [
      definition,
      `ALTER STATISTICS ${statistics} OWNER TO ${named(d.owner)}`,
      ...commenting(`STATISTICS ${statistics}`, comment),
    ]),
    ...(d.rowSecurity ? [`ALTER TABLE ${sql} ENABLE ROW LEVEL SECURITY`] : []),
    ...(d.forceRowSecurity ? [`ALTER TABLE ${sql} FORCE ROW LEVEL SECURITY`] : []),
    ...d.policies.flatMap(({ name, statement, comment }) => [
      statement,
      ...commenting(`POLICY ${named(name)} ON ${sql}`, comment),
    ]),
    ...d.triggers.flatMap((trigger) => makingTrigger(sql, trigger)),
    ...grantsAnew(d),
    ...commenting(`TABLE ${sql}`, d.comment),
    ...columns.map((change) => `ALTER TABLE ${sql} ${change}`),
    ...(d.replicaIdentity === 'f' ? [`ALTER TABLE ${sql} REPLICA IDENTITY FULL`] : []),
    ...(d.replicaIdentity === 'n' ? [`ALTER TABLE ${sql} REPLICA IDENTITY NOTHING`] : []),
    ...d.publications
      .filter(({ isNamed }) => isNamed)
      .map(({ name, rest }) => `ALTER PUBLICATION ${named(name)} ADD TABLE ${sql}${rest}`),
    ...d.dependents.flatMap(({ statement }) => (statement === null ? [] : [statement])),
    ...d.referencedBy
      .filter(({ columns: referenced }) => carriesForeignKey(referenced))
      .map(
        ({ name, other, definition }) =>
          `ALTER TABLE ${other} ADD CONSTRAINT ${named(name)} ${definition.replace(/ NOT VALID$/, '')} NOT VALID`,
      ),
  ]
}

const ENABLED: Readonly<Record<string, string>> = {
  D: 'DISABLE TRIGGER',
  R: 'ENABLE REPLICA TRIGGER',
  A: 'ENABLE ALWAYS TRIGGER',
}

function makingTrigger(table: string, { name, definition, enabled, comment }: Trigger): string[] {
  const manner = ENABLED[enabled]
  return [
    definition,
    ...(manner === undefined ? [] : [`ALTER TABLE ${table} ${manner} ${named(name)}`]),
    ...commenting(`TRIGGER ${named(name)} ON ${table}`, comment),
  ]
}

/** The owner has all rights of a new table; whoever had taken some away from itself keeps it so. */
function grantsAnew({ grants, owner, sql }: Definition): string[] {
  const isOwner = ({ grantee }: Grant): boolean => grantee === owner || grantee === named(owner)
  const owners = grants.filter((grant) => isOwner(grant) && grant.column === null)
  const lacks = OWNERS.some((privilege) => !owners.some((grant) => grant.privilege === privilege))
  return [
    ...(lacks
      ? [`REVOKE ALL ON ${sql} FROM ${named(owner)}`, ...owners.map((grant) => granting(grant, sql))]
      : []),
    ...grants
      .filter((grant) => !isOwner(grant) || grant.column !== null)
      .map((grant) => granting(grant, sql)),
  ]
}

/** Of every version that is supported. */
const OWNERS = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']

const granting = ({ grantee, privilege, isGrantable, column }: Grant, on: string): string =>
  `GRANT ${privilege}${column === null ? '' : ` (${named(column)})`} ON ${on} TO ${grantee}${isGrantable ? ' WITH GRANT OPTION' : ''}`

export const commenting = (what: string, comment: string | null): string[] =>
  comment === null ? [] : [`COMMENT ON ${what} IS ${quoteLiteral(comment)}`]
