import type { ColumnDef, Constraint, CreateStmt, Node } from '@pgsql/types'
import type { CatalogObject } from '../../schema/index.ts'
import { alterTableCommands, partitionCommandOf } from '../format/special-statements.ts'
import {
  columnIn,
  columnsIn,
  constraintIn,
  inlineConstraints,
  modifiersOf,
  stringOf,
  typeNameOf,
  wordsOf,
} from '../format/tree.ts'
import { type CheckExpression, readCheck } from './checks.ts'
import { parseType } from './type-change.ts'
import {
  isRelationDrop,
  type Knowledge,
  type KnownColumn,
  type KnownConstraint,
  type KnownTable,
  unquoted,
  World,
} from './world.ts'

type ParseSync = (sql: string) => { stmts?: { stmt?: Node }[] }

/** The world as a catalog describes it. @param parse for the conditions of its CHECKs */
export function worldOf({ objects }: Knowledge, parse: ParseSync): World {
  const world = new World(true)
  for (const object of objects) learnObject(world, object, parse)
  return world
}

function learnObject(world: World, object: CatalogObject, parse: ParseSync): void {
  const { kind, attributes } = object
  const words = unquoted(object.name.replace(/\(.*$/s, ''))
  const name = words.slice(0, 2).join('.')
  const last = words.at(-1) as string
  if (kind === 'table') {
    const isDefault = attributes.bound === 'DEFAULT'
    const parent =
      typeof attributes.partitionOf === 'string' ? unquoted(attributes.partitionOf).join('.') : undefined
    const key = attributes.partitionKey as string | undefined
    world.tables.set(name, newTable(name, false, { key, parent, isDefault }))
  } else if (kind === 'view' || kind === 'materialized view') {
    world.tables.set(name, { ...newTable(name, false), kind })
  } else if (kind === 'column') {
    const generated = attributes.generated as { kind: 'stored' | 'virtual' } | undefined
    world.tables.get(name)?.columns.set(last, {
      type: parseType(String(attributes.type)),
      notNull: attributes.notNull === true,
      generated: generated?.kind,
    })
  } else if (kind === 'constraint') {
    world.tables.get(name)?.constraints.set(last, constraintOf(object, parse))
  } else if (kind === 'index') {
    const columns = /\(([^)]*)\)/.exec(String(attributes.definition))?.[1]?.split(', ') ?? []
    world.indexes.set(name, {
      table: unquoted((object.parent ?? '').replace(/^.*?(table|view) /, '')).join('.'),
      columns,
    })
  } else if (kind === 'statistics') {
    world.statistics.set(name, unquoted((object.parent ?? '').replace(/^table /, '')).join('.'))
  } else if (kind === 'policy') {
    const table = world.tables.get(name)
    if (table) table.hasPolicies = true
  } else if (kind === 'domain')
    world.domains.set(name, { base: String(attributes.type), hasConstraints: attributes.notNull === true })
  else if (kind === 'domain constraint') {
    const domain = world.domains.get(name)
    if (domain) domain.hasConstraints = true
  } else if (kind === 'function') {
    const isSteady = /^ .*\b(IMMUTABLE|STABLE)\b/m.test(String(attributes.definition))
    for (const one of [name, last]) (isSteady ? world.steadyFunctions : world.volatileFunctions).add(one)
  }
}

function constraintOf({ attributes }: CatalogObject, parse: ParseSync): KnownConstraint {
  const definition = String(attributes.definition)
  const type = attributes.type as KnownConstraint['type']
  const refersTo = /REFERENCES ((?:"(?:[^"]|"")*"|[^\s("])+)\(/.exec(definition)?.[1]
  return {
    type,
    columns: (attributes.columns as string[] | undefined) ?? [],
    validated: attributes.validated === true,
    check: type === 'check' ? parsedCheck(definition, parse) : undefined,
    refersTo: type === 'foreign key' && refersTo ? unquoted(refersTo).join('.') : undefined,
    isNew: false,
  }
}

function parsedCheck(definition: string, parse: ParseSync): CheckExpression {
  const statement = parse(`ALTER TABLE t ADD ${definition}`).stmts?.[0]?.stmt
  const [cmd] = statement && 'AlterTableStmt' in statement ? alterTableCommands(statement) : []
  return readCheck(constraintIn(cmd?.def)?.raw_expr)
}

function newTable(
  name: string,
  isNew: boolean,
  {
    key,
    parent,
    isDefault = false,
  }: { key?: string | undefined; parent?: string | undefined; isDefault?: boolean } = {},
): KnownTable {
  return {
    name,
    isNew,
    kind: key === undefined ? 'table' : 'partitioned',
    columns: new Map(),
    constraints: new Map(),
    partitionKey: key,
    partitionOf: parent,
    isDefaultPartition: isDefault,
    hasPolicies: false,
  }
}

/** Learns what a statement does, after it was judged. */
export function learn(world: World, node: Node): void {
  if ('CreateStmt' in node) learnTable(world, node.CreateStmt)
  else if ('CreateTableAsStmt' in node || 'ViewStmt' in node) learnDerived(world, node)
  else if ('SelectStmt' in node && node.SelectStmt.intoClause) {
    const name = world.nameOf(node.SelectStmt.intoClause.rel)
    world.tables.set(name, newTable(name, true))
  } else if ('AlterTableStmt' in node) learnAlter(world, node)
  else if ('IndexStmt' in node) learnIndex(world, node)
  else if ('RenameStmt' in node) learnRename(world, node)
  else if ('DropStmt' in node) learnDrop(world, node)
  else if ('CreatePolicyStmt' in node) {
    const table = world.table(node.CreatePolicyStmt.table)
    if (table) table.hasPolicies = true
  } else if ('CreateDomainStmt' in node) {
    const { domainname = [], typeName, constraints = [] } = node.CreateDomainStmt
    world.domains.set(world.qualified(domainname.map(stringOf)), {
      base: typeNameOf(typeName),
      hasConstraints: constraints.length > 0,
    })
  } else if ('CreateFunctionStmt' in node) {
    const isSteady = (node.CreateFunctionStmt.options ?? []).some(
      (option) =>
        'DefElem' in option &&
        option.DefElem.defname === 'volatility' &&
        stringOf(option.DefElem.arg) !== 'volatile',
    )
    const words = (node.CreateFunctionStmt.funcname ?? []).map(stringOf)
    for (const one of [words.join('.'), words.at(-1) as string])
      (isSteady ? world.steadyFunctions : world.volatileFunctions).add(one)
  }
}

function learnTable(
  world: World,
  { relation, tableElts = [], partspec, inhRelations = [], partbound, if_not_exists: isOptional }: CreateStmt,
): void {
  const name = world.nameOf(relation)
  if (isOptional && world.tables.has(name)) return
  const [first] = inhRelations
  const parent = partbound && first && 'RangeVar' in first ? world.nameOf(first.RangeVar) : undefined
  const key = partspec && partitionKeyOf(partspec)
  const table = newTable(name, true, {
    key,
    parent,
    isDefault: partbound?.is_default === true,
  })
  world.tables.set(name, table)
  for (const element of tableElts) {
    const column = columnIn(element)
    if (column) learnColumn(world, table, column)
    const constraint = constraintIn(element)
    if (constraint) learnConstraint(world, table, constraint, [])
  }
}

function partitionKeyOf({ strategy, partParams = [] }: NonNullable<CreateStmt['partspec']>): string {
  const columns = partParams.map((node) =>
    'PartitionElem' in node ? (node.PartitionElem.name ?? '(expression)') : '',
  )
  return `${String(strategy).replace('PARTITION_STRATEGY_', '')} (${columns.join(', ')})`
}

function learnDerived(world: World, node: Node): void {
  if ('ViewStmt' in node) {
    const name = world.nameOf(node.ViewStmt.view)
    if (!world.tables.has(name)) world.tables.set(name, { ...newTable(name, true), kind: 'view' })
  }
  if ('CreateTableAsStmt' in node) {
    const name = world.nameOf(node.CreateTableAsStmt.into?.rel)
    const kind = node.CreateTableAsStmt.objtype === 'OBJECT_MATVIEW' ? 'materialized view' : 'table'
    world.tables.set(name, { ...newTable(name, true), kind })
  }
}

function learnColumn(world: World, table: KnownTable, column: ColumnDef): void {
  const constraints = inlineConstraints(column)
  const generated = constraints.find(({ contype }) => contype === 'CONSTR_GENERATED')
  const known: KnownColumn = {
    type: { name: typeNameOf(column.typeName), modifiers: modifiersOf(column.typeName) },
    notNull: constraints.some(
      ({ contype }) =>
        contype === 'CONSTR_NOTNULL' || contype === 'CONSTR_PRIMARY' || contype === 'CONSTR_IDENTITY',
    ),
    generated:
      generated && ((generated as { generated_kind?: string }).generated_kind === 'v' ? 'virtual' : 'stored'),
  }
  table.columns.set(column.colname ?? '', known)
  for (const constraint of constraints) learnConstraint(world, table, constraint, [column.colname ?? ''])
}

const TYPES: Readonly<Record<string, KnownConstraint['type']>> = {
  CONSTR_PRIMARY: 'primary key',
  CONSTR_UNIQUE: 'unique',
  CONSTR_FOREIGN: 'foreign key',
  CONSTR_EXCLUSION: 'exclusion',
  CONSTR_CHECK: 'check',
}

/** Under the name that PostgreSQL gives it, where it was given none. */
export function constraintName(
  table: string,
  { conname, contype, keys, fk_attrs: foreign }: Constraint,
  columns: readonly string[],
): string {
  if (conname !== undefined) return conname
  const named = [...(keys ?? foreign ?? []).map(stringOf), ...columns]
  const plain = table.split('.').at(-1) ?? ''
  const suffix =
    { CONSTR_PRIMARY: 'pkey', CONSTR_UNIQUE: 'key', CONSTR_FOREIGN: 'fkey', CONSTR_EXCLUSION: 'excl' }[
      contype as string
    ] ?? 'check'
  return contype === 'CONSTR_PRIMARY' ? `${plain}_pkey` : [plain, ...named, suffix].join('_')
}

function learnConstraint(
  world: World,
  table: KnownTable,
  constraint: Constraint,
  columns: readonly string[],
): void {
  const type = TYPES[constraint.contype ?? '']
  if (!type) return
  const named = (constraint.keys ?? constraint.fk_attrs ?? []).map(stringOf)
  const own = [...new Set([...named, ...columns, ...columnsIn(constraint.raw_expr)])]
  table.constraints.set(constraintName(table.name, constraint, columns), {
    type,
    columns: own,
    validated: constraint.skip_validation !== true,
    check: type === 'check' ? readCheck(constraint.raw_expr) : undefined,
    refersTo: constraint.pktable && world.nameOf(constraint.pktable),
    isNew: true,
  })
  if (type === 'primary key')
    for (const name of own) {
      const column = table.columns.get(name)
      if (column) column.notNull = true
    }
}

function learnAlter(world: World, node: Extract<Node, { AlterTableStmt: unknown }>): void {
  const name = world.nameOf(node.AlterTableStmt.relation)
  const table = world.tables.get(name) ?? newTable(name, false)
  world.tables.set(name, table)
  for (const cmd of alterTableCommands(node)) {
    const column = table.columns.get(cmd.name ?? '')
    const definition = columnIn(cmd.def)
    if (cmd.subtype === 'AT_AddColumn' && definition) learnColumn(world, table, definition)
    else if (cmd.subtype === 'AT_DropColumn') table.columns.delete(cmd.name ?? '')
    else if (cmd.subtype === 'AT_AlterColumnType' && definition)
      table.columns.set(cmd.name ?? '', {
        type: { name: typeNameOf(definition.typeName), modifiers: modifiersOf(definition.typeName) },
        notNull: column?.notNull ?? false,
        generated: column?.generated,
      })
    else if (cmd.subtype === 'AT_SetNotNull' && column) column.notNull = true
    else if (cmd.subtype === 'AT_DropNotNull' && column) column.notNull = false
    else if (cmd.subtype === 'AT_DropConstraint') table.constraints.delete(cmd.name ?? '')
    else if (cmd.subtype === 'AT_ValidateConstraint') {
      const constraint = table.constraints.get(cmd.name ?? '')
      if (constraint) constraint.validated = true
    } else if (cmd.subtype === 'AT_AddConstraint') {
      const constraint = constraintIn(cmd.def)
      if (constraint) learnConstraint(world, table, constraint, [])
    } else if (cmd.subtype === 'AT_AttachPartition') {
      const partition = world.table(partitionCommandOf(cmd)?.name)
      if (partition) world.tables.set(partition.name, { ...partition, partitionOf: name })
    }
  }
}

function learnIndex(world: World, { IndexStmt: index }: Extract<Node, { IndexStmt: unknown }>): void {
  const columns = (index.indexParams ?? []).map((node) =>
    'IndexElem' in node ? (node.IndexElem.name ?? '') : '',
  )
  const table = world.nameOf(index.relation)
  const schema = table.split('.')[0] ?? 'public'
  const name = index.idxname ?? [table.split('.')[1], ...columns, 'idx'].join('_')
  world.indexes.set(`${schema}.${name}`, { table, columns })
}

function learnRename(world: World, { RenameStmt: rename }: Extract<Node, { RenameStmt: unknown }>): void {
  const name = world.nameOf(rename.relation)
  const table = world.tables.get(name)
  if (!table || rename.newname === undefined) return
  if (rename.renameType === 'OBJECT_COLUMN') {
    const column = table.columns.get(rename.subname ?? '')
    if (column) table.columns.set(rename.newname, column)
    table.columns.delete(rename.subname ?? '')
  } else if (rename.renameType === 'OBJECT_TABLE') {
    const renamed = `${name.split('.')[0]}.${rename.newname}`
    world.tables.delete(name)
    world.tables.set(renamed, { ...table, name: renamed })
  }
}

function learnDrop(world: World, { DropStmt: drop }: Extract<Node, { DropStmt: unknown }>): void {
  for (const object of drop.objects ?? []) {
    const name = world.qualified(wordsOf(object))
    if (isRelationDrop(drop.removeType)) world.tables.delete(name)
    else if (drop.removeType === 'OBJECT_INDEX') world.indexes.delete(name)
  }
}
