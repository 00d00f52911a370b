import type pg from 'pg'
import { definitionQuery } from './definition-query.ts'

/** A right that somebody has. */
export interface Grant {
  /** Quoted, or PUBLIC. */
  readonly grantee: string
  readonly privilege: string
  readonly isGrantable: boolean
  /** Of one column. */
  readonly column: string | null
}

export interface Column {
  readonly name: string
  /** Name of its type inside: `timestamptz`, `int8`. */
  readonly type: string
  readonly collation: string | null
  readonly isNotNull: boolean
  /** `a` always, `d` by default, empty for none. */
  readonly identity: string
  readonly isGenerated: boolean
  readonly default: string | null
  readonly shownType: string
  readonly statistics: number | null
  readonly options: readonly string[] | null
}

/** A sequence that belongs to a column. */
export interface OwnedSequence {
  readonly column: string
  readonly kind: 'identity' | 'owned'
  readonly schema: string
  readonly name: string
  readonly sql: string
  /** What CREATE SEQUENCE says in parentheses. */
  readonly options: string
  readonly comment: string | null
  readonly grants: readonly Grant[]
}

export interface Index {
  readonly name: string
  readonly sql: string
  /** From USING on. */
  readonly rest: string
  readonly isUnique: boolean
  readonly isValid: boolean
  /** Of its key, null for an expression. */
  readonly columns: readonly (string | null)[]
  /** The operator by which each of its key is equal, qualified; of a B-tree. */
  readonly equals: readonly string[]
  readonly included: readonly string[]
  readonly isPartial: boolean
  readonly comment: string | null
  /** The constraint that it stands for. */
  readonly constraint: {
    readonly type: 'p' | 'u' | 'x'
    readonly definition: string
    readonly isDeferrable: boolean
    readonly isDeferred: boolean
    /** WITHOUT OVERLAPS. */
    readonly isTemporal: boolean
    readonly comment: string | null
  } | null
  readonly nullsNotDistinct: boolean
  readonly options: readonly string[] | null
  readonly tablespace: string | null
  readonly isReplicaIdentity: boolean
}

export interface Constraint {
  readonly name: string
  readonly definition: string
  readonly isValidated: boolean
  readonly isNoInherit: boolean
}

export interface ForeignKey extends Constraint {
  /** The other table: that which is referenced, or that which references. */
  readonly other: string
  readonly isMine: boolean
  readonly otherIsPartitioned: boolean
  /** Columns of this table. */
  readonly columns: readonly string[]
  readonly comment: string | null
}

export interface Trigger {
  readonly name: string
  readonly definition: string
  readonly enabled: string
  readonly isRow: boolean
  readonly isBeforeInsert: boolean
  readonly hasTransition: boolean
  readonly comment: string | null
}

export interface Publication {
  readonly name: string
  readonly isViaRoot: boolean
  /** Named in it, not by `ALL TABLES` or its schema. */
  readonly isNamed: boolean
  readonly isMine: boolean
  /** Columns and row filter as ADD TABLE takes them. */
  readonly rest: string
}

/** Something that knows the table by its number, not by its name. */
export interface Dependent {
  readonly kind: 'view' | 'materialized view' | 'function' | 'policy' | 'other'
  /** Of a view or a function; null for others. */
  readonly oid: number | null
  readonly owner: string | null
  readonly name: string
  readonly isMine: boolean
  /** What makes it anew; null where that cannot be. */
  readonly statement: string | null
}

/** All that a table is and that hangs on it. */
export interface Definition {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly sql: string
  readonly owner: string
  readonly isMine: boolean
  readonly mayCreate: boolean
  readonly kind: 'r' | 'p' | 'f'
  readonly persistence: 'p' | 'u' | 't'
  readonly isPartition: boolean
  readonly isTyped: boolean
  readonly accessMethod: string | null
  readonly tablespace: string | null
  readonly options: readonly string[] | null
  readonly replicaIdentity: 'd' | 'n' | 'f' | 'i'
  readonly rowSecurity: boolean
  readonly forceRowSecurity: boolean
  readonly comment: string | null
  readonly bytes: number
  readonly rows: number
  readonly parents: readonly string[]
  readonly children: number
  readonly extension: string | null
  readonly hasSecurityLabel: boolean
  readonly subscriptions: number
  readonly columns: readonly Column[]
  readonly sequences: readonly OwnedSequence[]
  readonly indexes: readonly Index[]
  readonly checks: readonly Constraint[]
  readonly references: readonly ForeignKey[]
  readonly referencedBy: readonly ForeignKey[]
  readonly triggers: readonly Trigger[]
  readonly policies: readonly {
    readonly name: string
    readonly statement: string
    readonly comment: string | null
  }[]
  readonly rules: readonly string[]
  readonly statistics: readonly {
    readonly sql: string
    readonly name: string
    readonly definition: string
    readonly comment: string | null
  }[]
  readonly grants: readonly Grant[]
  readonly publications: readonly Publication[]
  readonly dependents: readonly Dependent[]
}

/**
 * Reads all that a table is and that hangs on it, in one statement: under a lock every millisecond counts. The session's
 * search_path has to be empty, so that every name is written with its schema.
 *
 * @param version the server's major version
 */
export async function readDefinition(
  client: pg.Client,
  oid: number,
  version: number,
): Promise<Definition | undefined> {
  const { rows } = await client.query<{ definition: Definition }>(definitionQuery(version), [oid])
  return rows[0]?.definition
}

export async function majorVersion(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int / 10000 AS version`,
  )
  return rows[0]?.version ?? 0
}
