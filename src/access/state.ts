import type pg from 'pg'
import type { AccessModel, PrivilegeClass } from './model.ts'
import {
  BESIDE_QUERY,
  DATABASE_QUERY,
  DEFAULTS_QUERY,
  membershipQuery,
  OBJECTS_QUERY,
  ROLES_QUERY,
  SETTINGS_QUERY,
  SUPERUSERS_QUERY,
} from './queries.ts'

/** One privilege of one role; a grantee of null is everybody (PUBLIC). */
export interface Grant {
  readonly grantee: string | null
  readonly privilege: string
  /** Who gave it. */
  readonly grantor: string
  readonly isGrantable: boolean
  /** Of one column only. */
  readonly column: string | null
}

/** Something with an owner. */
export interface ObjectState {
  readonly oid: string
  /** What it must still be when it is handed over. */
  readonly facts: string
  /** As ALTER and people call it. */
  readonly noun:
    | 'SCHEMA'
    | 'TABLE'
    | 'VIEW'
    | 'MATERIALIZED VIEW'
    | 'FOREIGN TABLE'
    | 'SEQUENCE'
    | 'FUNCTION'
    | 'PROCEDURE'
    | 'ROUTINE'
    | 'TYPE'
  /** Null where privileges are not managed. */
  readonly class: PrivilegeClass | null
  readonly schema: string
  /** Without its schema, as it is in the catalog. */
  readonly name: string
  /** Qualified, quoted where it has to be. */
  readonly sql: string
  readonly owner: string
  /** {@link sql} of the table that it belongs to: its owner is that one's. */
  readonly belongsTo: string | null
  /** SECURITY DEFINER, a view that reads with its owner's rights, or a table whose indexes call functions of somebody's. */
  readonly runsAsOwner: boolean
  /** Row security is on, and its owner is exempt. */
  readonly hasPolicies: boolean
  readonly grants: readonly Grant[]
}

/** What objects to come will be granted. */
export interface DefaultState {
  /** Null: wherever they are made. */
  readonly schema: string | null
  readonly class: PrivilegeClass
  readonly grants: readonly Grant[]
}

export interface RoleState {
  readonly name: string
  readonly isSuperuser: boolean
  readonly canLogin: boolean
  readonly inherits: boolean
  /** Further rights, as ALTER ROLE calls them. */
  readonly attributes: readonly string[]
}

export interface MembershipState {
  readonly member: string
  readonly role: string
  /** Null before PostgreSQL 16, where it does not matter. */
  readonly grantor: string | null
  readonly isAdmin: boolean
  readonly isWhole: boolean
}

/** A role that becomes another when it connects. */
export interface Turning {
  readonly name: string
  readonly role: string
  /** In every database. */
  readonly isEverywhere: boolean
}

/** Who has which rights now. */
export interface AccessState {
  readonly serverVersion: number
  readonly database: string
  readonly databaseOwner: string
  readonly databaseGrants: readonly Grant[]
  /** Who looked, and whether it may act as the owner. */
  readonly applier: { readonly name: string; readonly isSuperuser: boolean; readonly mayActAsOwner: boolean }
  readonly roles: ReadonlyMap<string, RoleState>
  readonly memberships: readonly MembershipState[]
  /** Roles that a role turns into when it connects. */
  readonly turnsInto: readonly Turning[]
  readonly superusers: readonly string[]
  /** What is outside of what is configured, in words. */
  readonly beside: readonly string[]
  readonly objects: readonly ObjectState[]
  readonly defaults: readonly DefaultState[]
}

/** Reads it in one snapshot; every role may. */
export async function readAccess(client: pg.Client, model: AccessModel): Promise<AccessState> {
  const names = [...model.roles.values()]
  const schemas = [...model.schemas.keys()]
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  try {
    // With nothing in the path, every name is written with its schema.
    await client.query(
      `SET LOCAL search_path = pg_catalog; SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'`,
    )
    const rowsOf = async <Row>(text: string, values: unknown[]): Promise<Row[]> =>
      (await client.query<Row & pg.QueryResultRow>(text, values)).rows
    type Head = Pick<
      AccessState,
      'serverVersion' | 'database' | 'databaseOwner' | 'databaseGrants' | 'applier'
    >
    const [head] = await rowsOf<Head>(DATABASE_QUERY, [model.owner])
    const { serverVersion } = head as Head
    const roles = await rowsOf<RoleState>(ROLES_QUERY, [names])
    const besides = await rowsOf<{ words: string }>(BESIDE_QUERY, [names, schemas, model.owner])
    const superusers = await rowsOf<{ name: string }>(SUPERUSERS_QUERY, [])
    return {
      ...(head as Head),
      roles: new Map(roles.map((role) => [role.name, role])),
      memberships: await rowsOf<MembershipState>(membershipQuery(serverVersion), [names]),
      turnsInto: await rowsOf<Turning>(SETTINGS_QUERY, [names]),
      superusers: superusers.map(({ name }) => name),
      beside: besides.map(({ words }) => words),
      objects: await rowsOf<ObjectState>(OBJECTS_QUERY, [schemas]),
      defaults: await rowsOf<DefaultState>(DEFAULTS_QUERY, [model.owner, schemas]),
    }
  } finally {
    await client.query('ROLLBACK').catch(() => {}) // the connection is gone: so is its transaction
  }
}
