import type { Node, RangeVar } from '@pgsql/types'
import { alterEffects, isUnchecked } from './alter-effects.ts'
import { columnIn, constraintIn, inlineConstraints, isNarrow, stringOf, wordsOf } from '../format/tree.ts'
import { blockedBy, LOCK_MODES, type LockMode, stronger } from './locks.ts'
import { isRelationDrop, type World } from './world.ts'

/** What a statement does to one table that was there before it. */
export interface Effect {
  readonly relation: string
  readonly lock: LockMode
  readonly scans: boolean
  readonly rewrites: boolean
}

/** What a statement does, as far as its text and what is known of the database tell. */
export class Effects {
  readonly #byRelation = new Map<string, Effect>()

  add(relation: string, lock: LockMode, { scans = false, rewrites = false } = {}): void {
    const known = this.#byRelation.get(relation)
    this.#byRelation.set(relation, {
      relation,
      lock: known ? stronger(known.lock, lock) : lock,
      scans: scans || (known?.scans ?? false),
      rewrites: rewrites || (known?.rewrites ?? false),
    })
  }

  get list(): readonly Effect[] {
    return [...this.#byRelation.values()]
  }

  /** The strongest lock, and whether anything is scanned or written anew, on tables that traffic uses. */
  summary(world: World): { lock: LockMode | null; tables: string[]; scans: boolean; rewrites: boolean } {
    // Nobody feels that a table is read.
    const used = this.list.filter((one) => !world.isNew(one.relation) && one.lock !== 'ACCESS SHARE')
    const lock = used.reduce<LockMode | null>((all, one) => (all ? stronger(all, one.lock) : one.lock), null)
    return {
      lock,
      tables: used.filter((one) => one.lock === lock).map(({ relation }) => relation),
      scans: used.some((one) => one.scans && blockedBy(one.lock) !== 'nothing'),
      rewrites: used.some(({ rewrites }) => rewrites),
    }
  }
}

type Infer = (effects: Effects, node: never, world: World, version: number) => void

/** Locks that a statement takes, by its kind; what is not here takes none on a table. */
const BY_KIND: Readonly<Record<string, Infer>> = {
  AlterTableStmt: alterEffects as Infer,
  CreateStmt: createTable as Infer,
  IndexStmt: createIndex as Infer,
  DropStmt: drop as Infer,
  RenameStmt: rename as Infer,
  AlterObjectSchemaStmt: moveToSchema as Infer,
  ReindexStmt: reindex as Infer,
  TruncateStmt: truncate as Infer,
  LockStmt: lockTables as Infer,
  ClusterStmt: cluster as Infer,
  VacuumStmt: vacuum as Infer,
  RefreshMatViewStmt: refresh as Infer,
  CreateTrigStmt: createTrigger as Infer,
  CommentStmt: commentOn as Infer,
  ViewStmt: replaceView as Infer,
  CreatePolicyStmt: ((effects: Effects, { table }: { table?: RangeVar }, world: World) =>
    effects.add(world.nameOf(table), 'ACCESS EXCLUSIVE')) as Infer,
  AlterPolicyStmt: ((effects: Effects, { table }: { table?: RangeVar }, world: World) =>
    effects.add(world.nameOf(table), 'ACCESS EXCLUSIVE')) as Infer,
  RuleStmt: ((effects: Effects, { relation }: { relation?: RangeVar }, world: World) =>
    effects.add(world.nameOf(relation), 'ACCESS EXCLUSIVE')) as Infer,
  CreateStatsStmt: ((effects: Effects, { relations = [] }: { relations?: Node[] }, world: World) => {
    for (const one of relations)
      if ('RangeVar' in one) effects.add(world.nameOf(one.RangeVar), 'SHARE UPDATE EXCLUSIVE')
  }) as Infer,
  AlterDomainStmt: alterDomain as Infer,
  UpdateStmt: writes as Infer,
  DeleteStmt: writes as Infer,
  InsertStmt: insert as Infer,
  MergeStmt: writes as Infer,
}

/** Infers what a statement does to tables. */
export function inferEffects(node: Node, world: World, version: number): Effects {
  const effects = new Effects()
  const [[kind, body]] = Object.entries(node) as [[string, never]]
  BY_KIND[kind]?.(effects, body, world, version)
  return effects
}

type Body<Kind extends string> = Extract<Node, Record<Kind, unknown>>[Kind &
  keyof Extract<Node, Record<Kind, unknown>>]

function createTable(effects: Effects, node: Body<'CreateStmt'>, world: World): void {
  const { inhRelations = [], partbound, tableElts = [], if_not_exists: isOptional } = node
  if (isOptional && world.tables.has(world.nameOf(node.relation))) return
  for (const parent of inhRelations) {
    if (!('RangeVar' in parent)) continue
    const name = world.nameOf(parent.RangeVar)
    effects.add(name, partbound ? 'ACCESS EXCLUSIVE' : 'SHARE UPDATE EXCLUSIVE')
    const rest = partbound
      ? world.partitionsOf(name).find(({ isDefaultPartition }) => isDefaultPartition)
      : undefined
    if (rest) effects.add(rest.name, 'ACCESS EXCLUSIVE', { scans: true })
  }
  for (const element of tableElts) {
    if ('TableLikeClause' in element)
      effects.add(world.nameOf(element.TableLikeClause.relation), 'ACCESS SHARE')
    const column = columnIn(element)
    const constraints = column
      ? inlineConstraints(column)
      : [constraintIn(element)].filter((one) => one !== undefined)
    for (const { pktable } of constraints)
      if (pktable) effects.add(world.nameOf(pktable), 'SHARE ROW EXCLUSIVE')
  }
}

function createIndex(effects: Effects, index: Body<'IndexStmt'>, world: World): void {
  const name = world.nameOf(index.relation)
  const schema = name.split('.')[0] ?? 'public'
  const isThere = index.if_not_exists === true && world.indexes.has(`${schema}.${index.idxname ?? ''}`)
  // ON ONLY makes the parent's entry, and nothing to fill it with.
  const isEntryOnly = world.table(index.relation)?.kind === 'partitioned' && index.relation?.inh !== true
  effects.add(name, index.concurrent ? 'SHARE UPDATE EXCLUSIVE' : 'SHARE', {
    scans: !isThere && !isEntryOnly,
  })
}

/** Things that belong to a table, by what DROP calls them: the table's name stands before theirs. */
const PARTS = new Set(['OBJECT_TRIGGER', 'OBJECT_POLICY', 'OBJECT_RULE'])

function drop(
  effects: Effects,
  { removeType, objects = [], concurrent }: Body<'DropStmt'>,
  world: World,
): void {
  for (const object of objects) {
    const words = wordsOf(object)
    if (isRelationDrop(removeType)) {
      const name = world.qualified(words)
      if (world.isComplete && !world.tables.has(name)) continue
      effects.add(name, 'ACCESS EXCLUSIVE')
      for (const { refersTo } of world.tables.get(name)?.constraints.values() ?? [])
        if (refersTo) effects.add(refersTo, 'ACCESS EXCLUSIVE')
      const parent = world.tables.get(name)?.partitionOf
      if (parent) effects.add(parent, 'ACCESS EXCLUSIVE')
    } else if (removeType === 'OBJECT_INDEX') {
      const index = world.indexes.get(world.qualified(words))
      if (index) effects.add(index.table, concurrent ? 'SHARE UPDATE EXCLUSIVE' : 'ACCESS EXCLUSIVE')
      else if (!world.isComplete)
        effects.add(
          `the table of ${words.join('.')}`,
          concurrent ? 'SHARE UPDATE EXCLUSIVE' : 'ACCESS EXCLUSIVE',
        )
    } else if (removeType === 'OBJECT_STATISTIC_EXT') {
      const table = world.statistics.get(world.qualified(words))
      if (table !== undefined) effects.add(table, 'SHARE UPDATE EXCLUSIVE')
    } else if (PARTS.has(removeType ?? ''))
      effects.add(world.qualified(words.slice(0, -1)), 'ACCESS EXCLUSIVE')
  }
}

function rename(
  effects: Effects,
  { renameType, relation, relationType }: Body<'RenameStmt'>,
  world: World,
): void {
  if (!relation) return
  if (renameType === 'OBJECT_INDEX' || (relationType === 'OBJECT_INDEX' && renameType !== 'OBJECT_COLUMN'))
    return
  if (
    [
      'OBJECT_TABLE',
      'OBJECT_VIEW',
      'OBJECT_MATVIEW',
      'OBJECT_COLUMN',
      'OBJECT_TABCONSTRAINT',
      'OBJECT_TRIGGER',
      'OBJECT_POLICY',
      'OBJECT_RULE',
    ].includes(renameType ?? '')
  )
    effects.add(world.nameOf(relation), 'ACCESS EXCLUSIVE')
}

function moveToSchema(
  effects: Effects,
  { relation, objectType }: Body<'AlterObjectSchemaStmt'>,
  world: World,
): void {
  if (relation && objectType !== 'OBJECT_SEQUENCE') effects.add(world.nameOf(relation), 'ACCESS EXCLUSIVE')
}

function reindex(effects: Effects, { relation, kind, params = [] }: Body<'ReindexStmt'>, world: World): void {
  const isConcurrent = params.some((param) => 'DefElem' in param && param.DefElem.defname === 'concurrently')
  const table =
    kind === 'REINDEX_OBJECT_INDEX'
      ? world.indexes.get(world.nameOf(relation))?.table
      : world.nameOf(relation)
  // The index itself is locked against its use, and planning a read looks at every index of a table.
  effects.add(
    table ?? `the table of ${relation?.relname ?? 'it'}`,
    isConcurrent ? 'SHARE UPDATE EXCLUSIVE' : 'SHARE',
    {
      scans: true,
      // Concurrently the new index grows beside the old one, and takes its place.
      rewrites: !isConcurrent,
    },
  )
}

function truncate(effects: Effects, { relations = [], behavior }: Body<'TruncateStmt'>, world: World): void {
  for (const one of relations) {
    if (!('RangeVar' in one)) continue
    const name = world.nameOf(one.RangeVar)
    effects.add(name, 'ACCESS EXCLUSIVE', { rewrites: true })
    if (behavior === 'DROP_CASCADE')
      for (const other of world.referencing(name)) effects.add(other, 'ACCESS EXCLUSIVE', { rewrites: true })
  }
}

function lockTables(effects: Effects, { relations = [], mode = 8 }: Body<'LockStmt'>, world: World): void {
  for (const one of relations)
    if ('RangeVar' in one) effects.add(world.nameOf(one.RangeVar), LOCK_MODES[mode - 1] ?? 'ACCESS EXCLUSIVE')
}

function cluster(effects: Effects, { relation }: Body<'ClusterStmt'>, world: World): void {
  effects.add(relation ? world.nameOf(relation) : 'every clustered table', 'ACCESS EXCLUSIVE', {
    scans: true,
    rewrites: true,
  })
}

function vacuum(
  effects: Effects,
  { rels = [], options = [], is_vacuumcmd: isVacuum }: Body<'VacuumStmt'>,
  world: World,
): void {
  const isFull =
    isVacuum === true && options.some((option) => 'DefElem' in option && option.DefElem.defname === 'full')
  for (const one of rels)
    if ('VacuumRelation' in one)
      effects.add(
        world.nameOf(one.VacuumRelation.relation),
        isFull ? 'ACCESS EXCLUSIVE' : 'SHARE UPDATE EXCLUSIVE',
        {
          rewrites: isFull,
          scans: isFull,
        },
      )
}

function refresh(effects: Effects, { relation, concurrent }: Body<'RefreshMatViewStmt'>, world: World): void {
  effects.add(world.nameOf(relation), concurrent ? 'EXCLUSIVE' : 'ACCESS EXCLUSIVE', {
    rewrites: !concurrent,
    scans: true,
  })
}

function createTrigger(
  effects: Effects,
  { relation, constrrel }: Body<'CreateTrigStmt'>,
  world: World,
): void {
  effects.add(world.nameOf(relation), 'SHARE ROW EXCLUSIVE')
  if (constrrel) effects.add(world.nameOf(constrrel), 'SHARE ROW EXCLUSIVE')
}

function commentOn(effects: Effects, { objtype, object }: Body<'CommentStmt'>, world: World): void {
  const words = wordsOf(object)
  if (objtype === 'OBJECT_TABLE' || objtype === 'OBJECT_VIEW' || objtype === 'OBJECT_MATVIEW')
    effects.add(world.qualified(words), 'SHARE UPDATE EXCLUSIVE')
  else if (objtype === 'OBJECT_COLUMN')
    effects.add(world.qualified(words.slice(0, -1)), 'SHARE UPDATE EXCLUSIVE')
}

function replaceView(effects: Effects, { view, replace }: Body<'ViewStmt'>, world: World): void {
  const name = world.nameOf(view)
  if (replace && world.tables.has(name)) effects.add(name, 'ACCESS EXCLUSIVE')
}

function writes(
  effects: Effects,
  { relation, whereClause }: { relation?: RangeVar; whereClause?: Node },
  world: World,
): void {
  effects.add(world.nameOf(relation), 'ROW EXCLUSIVE', { scans: !isNarrow(whereClause) })
}

/** The tables whose columns are of a domain are read when a condition is added to it, or validated. */
function alterDomain(
  effects: Effects,
  { subtype, def, typeName = [] }: Body<'AlterDomainStmt'>,
  world: World,
): void {
  const constraint = constraintIn(def)
  const reads =
    subtype === 'O' ||
    subtype === 'V' ||
    (subtype === 'C' && constraint !== undefined && !isUnchecked(constraint))
  if (!reads) return
  const domain = world.qualified(typeName.map(stringOf))
  for (const { name, columns } of world.tables.values())
    if (
      [...columns.values()].some(
        ({ type }) => type !== undefined && world.qualified(type.name.split('.')) === domain,
      )
    )
      effects.add(name, 'SHARE', { scans: true })
}

function insert(effects: Effects, { relation }: Body<'InsertStmt'>, world: World): void {
  effects.add(world.nameOf(relation), 'ROW EXCLUSIVE')
}
