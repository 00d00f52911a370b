import type { AlterTableCmd, ColumnDef, Constraint, Node, RangeVar } from '@pgsql/types'
import { alterTableCommands, partitionCommandOf } from '../format/special-statements.ts'
import {
  columnIn,
  constraintIn,
  functionsIn,
  inlineConstraints,
  modifiersOf,
  stringOf,
  typeNameOf,
} from '../format/tree.ts'
import { provesBound } from './checks.ts'
import { constraintName } from './learning.ts'
import type { LockMode } from './locks.ts'
import { typeChange, type TypeChange } from './type-change.ts'
import { volatilityOf } from './volatility.ts'
import type { KnownTable, World } from './world.ts'

/** Where effects are noted down. */
interface EffectSink {
  add(relation: string, lock: LockMode, what?: { scans?: boolean; rewrites?: boolean }): void
}

/** Sub-commands that take less than ACCESS EXCLUSIVE (tablecmds.c, AlterTableGetLockLevel). */
const WEAKER: Readonly<Record<string, LockMode>> = {
  AT_SetStatistics: 'SHARE UPDATE EXCLUSIVE',
  AT_SetOptions: 'SHARE UPDATE EXCLUSIVE',
  AT_ResetOptions: 'SHARE UPDATE EXCLUSIVE',
  AT_ClusterOn: 'SHARE UPDATE EXCLUSIVE',
  AT_DropCluster: 'SHARE UPDATE EXCLUSIVE',
  AT_SetRelOptions: 'SHARE UPDATE EXCLUSIVE',
  AT_ResetRelOptions: 'SHARE UPDATE EXCLUSIVE',
  AT_ValidateConstraint: 'SHARE UPDATE EXCLUSIVE',
  AT_AttachPartition: 'SHARE UPDATE EXCLUSIVE',
  AT_DetachPartitionFinalize: 'SHARE UPDATE EXCLUSIVE',
  AT_EnableTrig: 'SHARE ROW EXCLUSIVE',
  AT_EnableAlwaysTrig: 'SHARE ROW EXCLUSIVE',
  AT_EnableReplicaTrig: 'SHARE ROW EXCLUSIVE',
  AT_EnableTrigAll: 'SHARE ROW EXCLUSIVE',
  AT_EnableTrigUser: 'SHARE ROW EXCLUSIVE',
  AT_DisableTrig: 'SHARE ROW EXCLUSIVE',
  AT_DisableTrigAll: 'SHARE ROW EXCLUSIVE',
  AT_DisableTrigUser: 'SHARE ROW EXCLUSIVE',
}

const REWRITES = new Set(['AT_SetLogged', 'AT_SetUnLogged', 'AT_SetTableSpace', 'AT_SetAccessMethod'])

/** What ALTER TABLE does. */
export function alterEffects(
  sink: EffectSink,
  node: Extract<Node, { AlterTableStmt: unknown }>['AlterTableStmt'],
  world: World,
  version: number,
): void {
  const { relation, objtype } = node
  if (objtype === 'OBJECT_INDEX' || objtype === 'OBJECT_SEQUENCE' || objtype === 'OBJECT_TYPE') return
  for (const cmd of alterTableCommands({ AlterTableStmt: node }))
    commandEffects(sink, relation, cmd, world, version)
}

function commandEffects(
  sink: EffectSink,
  relation: RangeVar | undefined,
  cmd: AlterTableCmd,
  world: World,
  version: number,
): void {
  const name = world.nameOf(relation)
  const table = world.table(relation)
  const { subtype = '' } = cmd
  const constraint = constraintIn(cmd.def)
  if (subtype === 'AT_AddConstraint' && constraint)
    return constraintEffects(sink, name, table, constraint, world)
  if (subtype === 'AT_AttachPartition') return attachEffects(sink, name, table, cmd, world)
  if (subtype === 'AT_DetachPartition') return detachEffects(sink, name, cmd, world)
  if (subtype === 'AT_AddColumn') return addColumnEffects(sink, name, columnIn(cmd.def), world, version)
  if (subtype === 'AT_ValidateConstraint')
    return validateEffects(sink, name, table?.constraints.get(cmd.name ?? ''), world)
  if (subtype === 'AT_DropConstraint') {
    const { refersTo } = table?.constraints.get(cmd.name ?? '') ?? {}
    if (refersTo) sink.add(refersTo, 'ACCESS EXCLUSIVE')
  }
  if (subtype === 'AT_AddInherit' && cmd.def && 'RangeVar' in cmd.def)
    sink.add(world.nameOf(cmd.def.RangeVar), 'SHARE UPDATE EXCLUSIVE')
  const rewrites =
    REWRITES.has(subtype) ||
    (subtype === 'AT_AlterColumnType' && columnTypeChange(table, cmd) !== 'nothing') ||
    (subtype === 'AT_SetExpression' && table?.columns.get(cmd.name ?? '')?.generated !== 'virtual')
  const scans = rewrites ? subtype !== 'AT_SetTableSpace' : readsRows(table, cmd)
  sink.add(name, WEAKER[subtype] ?? 'ACCESS EXCLUSIVE', { scans, rewrites })
}

/** Whether a sub-command that leaves the stored values alone still looks at all of them. */
function readsRows(table: KnownTable | undefined, { subtype, name = '' }: AlterTableCmd): boolean {
  if (subtype === 'AT_SetNotNull') return !isProvenNotNull(table, name)
  return subtype === 'AT_AlterColumnType' && checksOf(table, name).length > 0
}

/** Names of the valid CHECKs about a column: a change of its type has them looked at again for each row. */
export function checksOf(table: KnownTable | undefined, column: string): string[] {
  return [...(table?.constraints ?? [])]
    .filter(([, { type, validated, columns }]) => type === 'check' && validated && columns.includes(column))
    .map(([name]) => name)
}

/** What a change of type does, its USING looked at too. */
export function columnTypeChange(table: KnownTable | undefined, cmd: AlterTableCmd): TypeChange {
  const definition = columnIn(cmd.def)
  const known = table?.columns.get(cmd.name ?? '')?.type
  const to = { name: typeNameOf(definition?.typeName), modifiers: modifiersOf(definition?.typeName) }
  const using = definition?.raw_default
  if (using !== undefined && !isPlainCast(using, cmd.name ?? '', to.name)) return 'rewrite'
  // Another collation orders its indexes anew.
  if (definition?.collClause !== undefined) return 'rewrite'
  return typeChange(known, to)
}

/** `USING column` and `USING column::type` say no more than the change itself. */
function isPlainCast(using: Node, column: string, type: string): boolean {
  if ('TypeCast' in using)
    return (
      typeNameOf(using.TypeCast.typeName) === type &&
      using.TypeCast.arg !== undefined &&
      isPlainCast(using.TypeCast.arg, column, type)
    )
  return 'ColumnRef' in using && stringOf(using.ColumnRef.fields?.at(-1)) === column
}

/** Whether NULL is known to be out of the question, so that nothing needs to be read. */
export function isProvenNotNull(table: KnownTable | undefined, column: string): boolean {
  if (table?.columns.get(column)?.notNull) return true
  return [...(table?.constraints.values() ?? [])].some(
    ({ validated, check }) => validated && check?.notNull.includes(column),
  )
}

/** Why ADD COLUMN writes the table anew; undefined where it does not. */
export function addColumnRewrite(
  column: ColumnDef | undefined,
  world: World,
  version: number,
):
  'volatile default' | 'unknown default' | 'stored generated' | 'serial' | 'identity' | 'domain' | undefined {
  if (!column) return undefined
  const type = typeNameOf(column.typeName)
  if (/^(small|big)?serial[248]?$/.test(type)) return 'serial'
  const constraints = inlineConstraints(column)
  if (constraints.some(({ contype }) => contype === 'CONSTR_IDENTITY')) return 'identity'
  const generated = constraints.find(({ contype }) => contype === 'CONSTR_GENERATED')
  if (generated) return isVirtual(generated, version) ? undefined : 'stored generated'
  if (world.domains.get(world.qualified(type.split('.')))?.hasConstraints) return 'domain'
  const value = constraints.find(({ contype }) => contype === 'CONSTR_DEFAULT')?.raw_expr
  const calls = new Set(functionsIn(value).map((name) => defaultVolatility(name, world)))
  if (calls.has('volatile')) return 'volatile default'
  return calls.has('unknown') ? 'unknown default' : undefined
}

function defaultVolatility(name: string, world: World): 'volatile' | 'stable' | 'unknown' {
  if (world.steadyFunctions.has(name)) return 'stable'
  if (world.volatileFunctions.has(name)) return 'volatile'
  return volatilityOf(name)
}

/** The kind of a generated column: before 18 all are stored. */
function isVirtual(generated: Constraint, version: number): boolean {
  return version >= 18 && (generated as { generated_kind?: string }).generated_kind === 'v'
}

function addColumnEffects(
  sink: EffectSink,
  name: string,
  column: ColumnDef | undefined,
  world: World,
  version: number,
): void {
  const rewrite = addColumnRewrite(column, world, version)
  const constraints = column ? inlineConstraints(column) : []
  const hasDefault = constraints.some(({ contype }) => contype === 'CONSTR_DEFAULT') || rewrite !== undefined
  const has = (type: string): boolean => constraints.some(({ contype }) => contype === type)
  const scans =
    rewrite !== undefined ||
    has('CONSTR_CHECK') ||
    has('CONSTR_UNIQUE') ||
    has('CONSTR_PRIMARY') ||
    (has('CONSTR_NOTNULL') && !hasDefault) ||
    (has('CONSTR_FOREIGN') && hasDefault)
  sink.add(name, 'ACCESS EXCLUSIVE', { scans, rewrites: rewrite !== undefined })
  for (const { pktable } of constraints) if (pktable) sink.add(world.nameOf(pktable), 'SHARE ROW EXCLUSIVE')
}

/** Nothing is looked at: NOT VALID, or PostgreSQL 18's NOT ENFORCED. */
export const isUnchecked = (constraint: Constraint): boolean =>
  constraint.skip_validation === true || constraint.is_enforced === false

function constraintEffects(
  sink: EffectSink,
  name: string,
  table: KnownTable | undefined,
  constraint: Constraint,
  world: World,
): void {
  const { contype, pktable, indexname, keys = [] } = constraint
  if (contype === 'CONSTR_FOREIGN')
    return foreignKeyEffects(sink, name, world.nameOf(pktable), isUnchecked(constraint))
  let scans = !isUnchecked(constraint)
  if (contype === 'CONSTR_UNIQUE' && indexname) scans = false
  if (contype === 'CONSTR_PRIMARY' && indexname) {
    const schema = name.split('.')[0] ?? 'public'
    const columns = world.indexes.get(`${schema}.${indexname}`)?.columns ?? []
    scans = columns.length === 0 || !columns.every((column) => isProvenNotNull(table, column))
  }
  if (contype === 'CONSTR_NOTNULL')
    scans &&= !keys.map(stringOf).every((column) => isProvenNotNull(table, column))
  sink.add(name, 'ACCESS EXCLUSIVE', { scans })
}

/** Both tables are locked against writing; the rows are read unless it is NOT VALID. */
export function foreignKeyEffects(
  sink: EffectSink,
  name: string,
  refersTo: string,
  isUncheckedKey: boolean,
): void {
  sink.add(name, 'SHARE ROW EXCLUSIVE', { scans: !isUncheckedKey })
  sink.add(refersTo, 'SHARE ROW EXCLUSIVE')
}

function validateEffects(
  sink: EffectSink,
  name: string,
  constraint: { validated: boolean; refersTo: string | undefined } | undefined,
  world: World,
): void {
  sink.add(name, 'SHARE UPDATE EXCLUSIVE', { scans: constraint?.validated !== true })
  if (constraint?.refersTo && !constraint.validated)
    sink.add(world.qualified(constraint.refersTo.split('.')), 'ROW SHARE')
}

/** Whether ATTACH has to read the partition. */
export function attachScans(parent: KnownTable | undefined, cmd: AlterTableCmd, world: World): boolean {
  const command = partitionCommandOf(cmd)
  const partition = world.table(command?.name)
  const { bound } = command ?? {}
  if (!partition || !bound || bound.is_default || parent?.partitionKey === undefined) return true
  const key = parent.partitionKey
  const isNotNull = (column: string): boolean => partition.columns.get(column)?.notNull ?? false
  const valid = [...partition.constraints.values()].filter(({ validated, check }) => validated && check)
  const all = {
    comparisons: valid.flatMap(({ check }) => check?.comparisons ?? []),
    notNull: valid.flatMap(({ check }) => check?.notNull ?? []),
  }
  return !provesBound(all, bound, key, isNotNull)
}

/** Columns of the parent's indexes that a table has no index for: ATTACH would build them. */
export function missingIndexes(world: World, parent: string, partition: string): string[] {
  const columnsOf = (table: string): string[] => [
    ...[...world.indexes.values()]
      .filter((index) => index.table === table)
      .map(({ columns }) => columns.join(', ')),
    ...[...(world.tables.get(table)?.constraints.values() ?? [])]
      .filter(({ type }) => type === 'primary key' || type === 'unique')
      .map(({ columns }) => columns.join(', ')),
  ]
  const own = new Set(columnsOf(partition))
  return columnsOf(parent).filter((columns) => !own.has(columns))
}

function attachEffects(
  sink: EffectSink,
  name: string,
  parent: KnownTable | undefined,
  cmd: AlterTableCmd,
  world: World,
): void {
  sink.add(name, 'SHARE UPDATE EXCLUSIVE')
  const partition = partitionCommandOf(cmd)?.name
  sink.add(world.nameOf(partition), 'ACCESS EXCLUSIVE', {
    scans: attachScans(parent, cmd, world) || missingIndexes(world, name, world.nameOf(partition)).length > 0,
  })
  const rest = world.partitionsOf(name).find(({ isDefaultPartition }) => isDefaultPartition)
  if (rest) sink.add(rest.name, 'ACCESS EXCLUSIVE', { scans: true })
}

function detachEffects(sink: EffectSink, name: string, cmd: AlterTableCmd, world: World): void {
  const command = partitionCommandOf(cmd)
  const lock = command?.concurrent ? 'SHARE UPDATE EXCLUSIVE' : 'ACCESS EXCLUSIVE'
  sink.add(name, lock)
  if (!command?.concurrent) sink.add(world.nameOf(command?.name), lock)
}

/** The name of a constraint that a sub-command adds. */
export const addedName = (table: string, constraint: Constraint): string =>
  constraintName(table, constraint, [])
