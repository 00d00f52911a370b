import type { Node, RangeVar } from '@pgsql/types'
import type { Catalog } from '../../schema/index.ts'
import type { CheckExpression } from './checks.ts'
import type { ColumnType } from './type-change.ts'

/** What is known of a column. */
export interface KnownColumn {
  readonly type: ColumnType | undefined
  notNull: boolean
  generated: 'stored' | 'virtual' | undefined
}

/** What is known of a constraint. */
export interface KnownConstraint {
  readonly type: 'primary key' | 'unique' | 'foreign key' | 'exclusion' | 'check'
  readonly columns: readonly string[]
  validated: boolean
  readonly check: CheckExpression | undefined
  /** Of a foreign key: the table it refers to. */
  readonly refersTo: string | undefined
  /** Made by a statement of this script. */
  readonly isNew: boolean
}

/** What is known of an index. */
export interface KnownIndex {
  readonly table: string
  readonly columns: readonly string[]
}

/** What is known of a table or materialized view. */
export interface KnownTable {
  readonly name: string
  /** Made by a statement of this script: nothing uses it yet. */
  isNew: boolean
  readonly kind: 'table' | 'partitioned' | 'view' | 'materialized view'
  readonly columns: Map<string, KnownColumn>
  readonly constraints: Map<string, KnownConstraint>
  readonly partitionKey: string | undefined
  readonly partitionOf: string | undefined
  readonly isDefaultPartition: boolean
  hasPolicies: boolean
}

/**
 * What the linter knows of the database at one point of a script: read from a catalog where there is one, and learned
 * from the statements that came before.
 */
export class World {
  readonly tables = new Map<string, KnownTable>()
  readonly indexes = new Map<string, KnownIndex>()
  /** Extended statistics by name, with their table. */
  readonly statistics = new Map<string, string>()
  /** Functions that give another value with each call; of others nothing is known, unless they are in `steady`. */
  readonly volatileFunctions = new Set<string>()
  readonly steadyFunctions = new Set<string>()
  readonly domains = new Map<string, { readonly base: string; hasConstraints: boolean }>()
  /** Everything there was before the script is known. */
  readonly isComplete: boolean

  constructor(isComplete: boolean) {
    this.isComplete = isComplete
  }

  /** Forgets what is new: the next script begins, and traffic has come to the tables. */
  beginScript(): void {
    for (const table of this.tables.values()) {
      table.isNew = false
      for (const [name, constraint] of table.constraints)
        table.constraints.set(name, { ...constraint, isNew: false })
    }
  }

  /** The name under which a relation is known: with its schema, `public` where it names none. */
  nameOf(relation: RangeVar | undefined): string {
    const { schemaname, relname = '' } = relation ?? {}
    return this.qualified(schemaname === undefined ? [relname] : [schemaname, relname])
  }

  /** A name in its words as it is known; words without a schema are looked for in all schemas first. */
  qualified(words: readonly string[]): string {
    if (words.length > 1) return words.slice(-2).join('.')
    const plain = `public.${words[0] ?? ''}`
    if (this.tables.has(plain) || this.indexes.has(plain)) return plain
    const elsewhere = [...this.tables.keys(), ...this.indexes.keys()].filter((name) =>
      name.endsWith(`.${words[0] ?? ''}`),
    )
    return elsewhere.length === 1 ? (elsewhere[0] as string) : plain
  }

  table(relation: RangeVar | undefined): KnownTable | undefined {
    return this.tables.get(this.nameOf(relation))
  }

  /** Whether nothing uses a relation yet, because a statement of this script made it. */
  isNew(name: string): boolean {
    return this.tables.get(name)?.isNew ?? false
  }

  /** Partitions of a table, the default one last. */
  partitionsOf(name: string): KnownTable[] {
    return [...this.tables.values()].filter(({ partitionOf }) => partitionOf === name)
  }

  /** Foreign keys of other tables that refer to this one. */
  referencing(name: string): string[] {
    return [...this.tables.values()]
      .filter((table) => [...table.constraints.values()].some(({ refersTo }) => refersTo === name))
      .map((table) => table.name)
  }
}

/** What the linter is given to know of the database. */
export type Knowledge = Pick<Catalog, 'objects'>

/** A name of the catalog, `public."Mixed Case"`, in its words. */
export function unquoted(name: string): string[] {
  const words: string[] = []
  for (const [, quoted, plain] of name.matchAll(/"((?:[^"]|"")*)"|([^."]+)/g))
    words.push(quoted === undefined ? (plain as string) : quoted.replaceAll('""', '"'))
  return words
}

/** Kinds of objects that DROP and ALTER name by words. */
export const isRelationDrop = (kind: string | undefined): boolean =>
  kind === 'OBJECT_TABLE' ||
  kind === 'OBJECT_VIEW' ||
  kind === 'OBJECT_MATVIEW' ||
  kind === 'OBJECT_FOREIGN_TABLE'

/** The relation that a node alters, where it alters one. */
export function alteredRelation(node: Node): RangeVar | undefined {
  if ('AlterTableStmt' in node) return node.AlterTableStmt.relation
  if ('RenameStmt' in node) return node.RenameStmt.relation
  if ('AlterObjectSchemaStmt' in node) return node.AlterObjectSchemaStmt.relation
  return undefined
}
