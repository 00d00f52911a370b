import { quoteIdentifier } from '../../core/index.ts'
import { carriesKey, primaryKeyOf, uniquesWithoutKey } from './keys.ts'
import type { Definition } from './definition.ts'
import { blocked, carried, consent, type Finding, warning } from './finding.ts'

const list = (names: readonly string[]): string => names.join(', ')

/** All that the definition of a table means for its conversion. Pure. */
export function preflight(definition: Definition, column: string, mode: 'attach' | 'split'): Finding[] {
  return [
    ...ofTheTable(definition),
    ...ofRights(definition),
    ...ofTheKey(definition, column, mode),
    ...ofIndexes(definition, column),
    ...ofConstraints(definition),
    ...ofForeignKeys(definition, column, mode),
    ...ofTriggers(definition, column),
    ...ofDependents(definition),
    ...ofPublications(definition),
    ...carriedAlong(definition),
  ]
}

/** What a table may not be, whatever its key. */
function ofTheTable(d: Definition): Finding[] {
  const all: [boolean, string, string, string][] = [
    [d.kind === 'f', 'foreign', 'it is a foreign table', 'convert it where it is'],
    [d.persistence === 't', 'temporary', 'it is a temporary table', 'convert a lasting one'],
    [
      d.persistence === 'u',
      'unlogged',
      'it is unlogged, which a partitioned table cannot be',
      `ALTER TABLE ${d.sql} SET LOGGED, at a quiet hour: it writes the table anew`,
    ],
    [d.isPartition, 'partition', `it is a partition of ${list(d.parents)}`, 'convert that table'],
    [
      !d.isPartition && d.parents.length > 0,
      'inheritance',
      `it inherits from ${list(d.parents)}`,
      `ALTER TABLE ${d.sql} NO INHERIT each of them; partitions cannot inherit otherwise`,
    ],
    [
      d.kind === 'r' && d.children > 0,
      'children',
      `${d.children} table(s) inherit from it`,
      'ALTER TABLE each of them NO INHERIT; their rows are theirs, not this table’s',
    ],
    [d.isTyped, 'typed', 'it is a table OF a type', `ALTER TABLE ${d.sql} NOT OF`],
    [
      d.accessMethod !== null,
      'access-method',
      `it is stored by ${d.accessMethod}, not as a heap`,
      'convert tables that PostgreSQL itself stores',
    ],
    [
      d.extension !== null,
      'extension',
      `it belongs to the extension ${d.extension}`,
      'see whether the extension has partitions of its own',
    ],
    [
      d.hasSecurityLabel,
      'security-label',
      'it has a security label',
      'remove the label, and set it on the new table afterwards',
    ],
    [
      d.subscriptions > 0,
      'subscription',
      'a subscription writes into it',
      'drop the table from the subscription, convert, and add it again with copy_data = false',
    ],
    [
      d.rules.length > 0,
      'rules',
      `it has the rules ${list(d.rules)}`,
      'replace the rules by triggers or views; rules see only the table they are on',
    ],
    [
      d.replicaIdentity === 'i',
      'replica-identity',
      'its replica identity is an index, which each partition would need of its own',
      `ALTER TABLE ${d.sql} REPLICA IDENTITY DEFAULT (the primary key) or FULL`,
    ],
  ]
  return all.flatMap(([is, id, words, way]) => (is ? [blocked(id, words, way)] : []))
}

function ofRights(d: Definition): Finding[] {
  const others = [
    ...d.referencedBy.filter(({ isMine }) => !isMine).map(({ other }) => other),
    ...d.dependents.filter(({ isMine }) => !isMine).map(({ name }) => name),
    ...d.publications
      .filter(({ isMine, isNamed }) => isNamed && !isMine)
      .map(({ name }) => `publication ${name}`),
  ]
  return [
    ...(d.isMine
      ? []
      : [
          blocked(
            'owner',
            `this role does not own it: ${d.owner} does`,
            `run this as ${d.owner}, or as a member of it`,
          ),
        ]),
    ...(d.mayCreate
      ? []
      : [
          blocked(
            'create',
            `this role may make nothing in the schema ${d.schema}`,
            `GRANT CREATE ON SCHEMA ${quoteIdentifier(d.schema)} TO the role that runs this`,
          ),
        ]),
    ...(others.length === 0
      ? []
      : [
          blocked(
            'owner-of-others',
            `${list(others)} have to be made anew for the new table, and this role does not own them`,
            'run this as a role that is a member of their owners, too',
          ),
        ]),
  ]
}

function ofTheKey(d: Definition, column: string, mode: 'attach' | 'split'): Finding[] {
  const key = d.columns.find(({ name }) => name === column)
  const primary = primaryKeyOf(d)
  const found: Finding[] = []
  if (key?.isGenerated)
    found.push(
      blocked(
        'generated-key',
        `${column} is generated, which PostgreSQL does not take as a key of partitions`,
        'partition by the column that it is made from',
      ),
    )
  if (primary && !carriesKey(primary, column))
    found.push(
      warning(
        'primary-key',
        `the primary key (${list(primary.columns.map(String))}) becomes (${list([...primary.columns.map(String), column])}): PostgreSQL then no longer refuses a second row with the same ${list(primary.columns.map(String))} and another ${column}`,
        'make sure that whoever writes takes the value from its default: a sequence, or a UUID',
      ),
    )
  if (!primary && mode === 'split')
    found.push(
      blocked(
        'no-primary-key',
        'it has no primary key, by which its rows could be told apart while they are copied',
        'add one, or convert with --mode attach, which moves no row',
      ),
    )
  if (primary?.constraint?.isDeferrable && mode === 'split')
    found.push(
      blocked(
        'deferrable-primary-key',
        'its primary key is deferrable: ON CONFLICT, which keeps the copy right, cannot go by it',
        'make it NOT DEFERRABLE, or convert with --mode attach',
      ),
    )
  return found
}

function ofIndexes(d: Definition, column: string): Finding[] {
  return [
    ...uniquesWithoutKey(d, column).map(({ name, columns }) =>
      consent(
        `unique:${name}`,
        `${name} keeps ${list(columns.map((one) => one ?? 'an expression'))} unique, and PostgreSQL can do that only within one partition when ${column} is not among its columns`,
        `accepted, it holds within each partition, and at once even where it was deferrable; ON CONFLICT can no longer go by it. Or keep it unique in a table of its own`,
      ),
    ),
    ...d.indexes
      .filter(({ constraint }) => constraint?.isTemporal === true)
      .map(({ name }) =>
        blocked(
          `temporal:${name}`,
          `the constraint ${name} is WITHOUT OVERLAPS, which cannot hold over several partitions`,
          'drop it, and keep what it guards in a table of its own',
        ),
      ),
    ...d.indexes
      .filter(({ constraint }) => constraint?.type === 'x')
      .map(({ name }) =>
        blocked(
          `exclusion:${name}`,
          `the exclusion constraint ${name} cannot hold over several partitions`,
          'drop it, and keep what it guards in a table of its own',
        ),
      ),
    ...d.indexes
      .filter(({ isValid }) => !isValid)
      .map(({ name }) =>
        warning(
          `invalid-index:${name}`,
          `the index ${name} is invalid: left by a CREATE INDEX CONCURRENTLY that failed; it is not carried over`,
          `DROP INDEX CONCURRENTLY it, or REINDEX INDEX CONCURRENTLY it before`,
        ),
      ),
  ]
}

function ofConstraints(d: Definition): Finding[] {
  return [...d.checks, ...d.references].flatMap(({ name, isValidated, isNoInherit }) => [
    ...(isValidated
      ? []
      : [
          blocked(
            `not-valid:${name}`,
            `the constraint ${name} is NOT VALID: it would be checked while nobody may use the table`,
            `ALTER TABLE ${d.sql} VALIDATE CONSTRAINT ${quoteIdentifier(name)}`,
          ),
        ]),
    ...(isNoInherit
      ? [
          blocked(
            `no-inherit:${name}`,
            `the constraint ${name} is NO INHERIT, which a partitioned table cannot have`,
            'drop it, and add it without NO INHERIT',
          ),
        ]
      : []),
  ])
}

function ofForeignKeys(d: Definition, column: string, mode: 'attach' | 'split'): Finding[] {
  return d.referencedBy.map(({ name, other, columns, otherIsPartitioned }) => {
    const isWhole = columns.includes(column)
    // PostgreSQL adds no such key NOT VALID, and lets no partition go that rows reference.
    if (isWhole && (mode === 'split' || other === d.sql || otherIsPartitioned))
      return blocked(
        `foreign-key:${name}`,
        `the foreign key ${name} of ${other === d.sql ? 'the table itself' : other} cannot be moved ${mode === 'split' ? 'while history is split' : 'without checking all rows under the lock'}`,
        mode === 'split'
          ? 'convert with --mode attach; or drop it, convert, and add it again'
          : 'drop it, convert, and add it again',
      )
    return isWhole
      ? carried(
          `foreign-key:${name}`,
          `the foreign key ${name} of ${other} is made anew, and validated while others write`,
        )
      : consent(
          `foreign-key:${name}`,
          `the foreign key ${name} of ${other === d.sql ? 'the table itself' : other} references (${list(columns)}), which is no longer unique by itself`,
          `accepted, it is left out. Or: give ${other === d.sql ? 'the referencing rows' : other} a column for ${column} and reference (${list([...columns, column])}); or keep the numbers in an anchor table that both reference`,
        )
  })
}

function ofTriggers(d: Definition, column: string): Finding[] {
  const hasDefault = d.columns.some(({ name, default: value }) => name === column && value !== null)
  const before = d.triggers.filter(({ isRow, isBeforeInsert }) => isRow && isBeforeInsert)
  const words = `the trigger(s) ${list(before.map(({ name }) => name))} run when the partition of a new row is chosen already: one that fills or changes ${column} makes the INSERT fail`
  const found =
    before.length === 0
      ? []
      : [
          hasDefault
            ? warning('before-trigger', words)
            : consent(
                'before-trigger',
                words,
                `agree if none of them writes ${column}; else give it a DEFAULT instead`,
              ),
        ]
  return [...found, ...withTransition(d)]
}

function withTransition(d: Definition): Finding[] {
  return d.triggers
    .filter(({ isRow, hasTransition }) => isRow && hasTransition)
    .map(({ name }) =>
      blocked(
        `transition:${name}`,
        `the trigger ${name} is FOR EACH ROW with transition tables, which a partition cannot have`,
        'make it FOR EACH STATEMENT',
      ),
    )
}

function ofDependents(d: Definition): Finding[] {
  const known = d.dependents.filter(({ statement }) => statement !== null)
  return [
    ...d.dependents
      .filter(({ statement }) => statement === null)
      .map(({ kind, name }) =>
        blocked(
          `dependent:${name}`,
          kind === 'materialized view'
            ? `the materialized view ${name} would go on reading the old table alone`
            : `${name} hangs on the old table’s row type or primary key and cannot be moved`,
          'drop it, convert, and make it again',
        ),
      ),
    ...known.map(({ kind, name }) =>
      carried(
        `${kind}:${name}`,
        `${kind === 'view' ? `the view ${name}` : name} is made anew, so that it sees the whole table`,
      ),
    ),
  ]
}

function ofPublications(d: Definition): Finding[] {
  return d.publications.map(({ name, isViaRoot }) =>
    isViaRoot
      ? carried(`publication:${name}`, `the publication ${name} publishes the new table under the same name`)
      : blocked(
          `publication:${name}`,
          `the publication ${name} would publish each partition under its own name, which subscribers do not have`,
          `ALTER PUBLICATION ${quoteIdentifier(name)} SET (publish_via_partition_root = true)`,
        ),
  )
}

/** What is simply taken along, so that whoever looks sees that it was thought of. */
function carriedAlong(d: Definition): Finding[] {
  const all: [boolean, string, string][] = [
    [d.triggers.length > 0, 'triggers', `triggers: ${list(d.triggers.map(({ name }) => name))}`],
    [
      d.rowSecurity || d.policies.length > 0,
      'row-security',
      `row security${d.policies.length === 0 ? '' : `: ${list(d.policies.map(({ name }) => name))}`}`,
    ],
    [d.grants.some(({ grantee }) => grantee !== d.owner), 'grants', 'the rights that others have on it'],
    [
      d.sequences.length > 0,
      'sequences',
      `sequences with their place: ${list(d.sequences.map(({ column, kind }) => `${column} (${kind === 'identity' ? 'identity' : 'serial'})`))}`,
    ],
    [
      d.columns.some(({ isGenerated }) => isGenerated),
      'generated',
      `generated columns: ${list(d.columns.filter(({ isGenerated }) => isGenerated).map(({ name }) => name))}`,
    ],
    [d.references.length > 0, 'references', `foreign keys: ${list(d.references.map(({ name }) => name))}`],
    [
      d.statistics.length > 0,
      'statistics',
      `extended statistics: ${list(d.statistics.map(({ name }) => name))}`,
    ],
    [
      (d.options ?? []).length > 0,
      'storage',
      `storage options, which each partition gets: ${list(d.options ?? [])}`,
    ],
    [d.comment !== null, 'comment', 'its comment'],
  ]
  return all.flatMap(([is, id, words]) => (is ? [carried(id, words)] : []))
}
