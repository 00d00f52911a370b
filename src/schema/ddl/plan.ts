import type { Catalog, CatalogObject } from '../catalog.ts'
import { conversionOf, sequenceOwnerSql } from './alter.ts'
import { Changes } from './changes.ts'
import { createSql, replicaIdentitySql } from './create.ts'
import { dropSql, lossOf } from './drop.ts'
import { ActionGraph } from './graph.ts'
import { inlineConstraints, withConstraints } from './inline.ts'
import { addOnline, dropOnline, setNotNullOnline } from './online.ts'
import { lastOf, listOf, ownerOf, textOf } from './words.ts'

/** Statements that lead from one structure to another. */
export interface ChangePlan {
  /** In order; each is a migration of its own, in a transaction or without. */
  readonly batches: readonly { readonly inTransaction: boolean; readonly statements: readonly string[] }[]
  /** What is lost on the way, in words: rows, values. */
  readonly losses: readonly string[]
  /** Differences that have no statement: the plan does not lead to the end while there is one. */
  readonly unsupported: readonly string[]
}

/** How the way is chosen. */
export interface PlanOptions {
  /** Indexes and constraints of existing tables are built and checked beside the traffic. Default true. */
  readonly isOnline?: boolean | undefined
}

/** The order among what could be done at once. */
const RANKS: readonly CatalogObject['kind'][] = [
  'extension',
  'schema',
  'enum',
  'range type',
  'composite type',
  'domain',
  'domain constraint',
  'sequence',
  'function',
  'procedure',
  'aggregate',
  'table',
  'column',
  'constraint',
  'index',
  'statistics',
  'view',
  'materialized view',
  'trigger',
  'rule',
  'policy',
  'event trigger',
  'default privileges',
]
const DROP_FIRST = -100
const rankOf = ({ kind }: CatalogObject): number => RANKS.indexOf(kind)

/** The statements from one structure to another. */
export function planChanges(from: Catalog, to: Catalog, { isOnline = true }: PlanOptions = {}): ChangePlan {
  const changes = new Changes(from, to)
  const graph = new ActionGraph()
  addDrops(graph, changes, isOnline)
  addCreations(graph, changes, isOnline)
  addAlterations(graph, changes, isOnline)
  addAfterthoughts(graph, changes)
  orderByNeeds(graph, changes)
  orderByNames(graph, changes)
  const batches = graph.batches().map((actions) => ({
    inTransaction: actions[0]?.stage === 'together',
    statements: actions.flatMap(({ sql }) => sql),
  }))
  const losses = [...changes.removed].flatMap((key) => {
    if (changes.isWithParent(key, changes.removed)) return []
    const loss = lossOf(changes.from.get(key) as CatalogObject)
    return loss === undefined ? [] : [loss]
  })
  const conversions = [...changes.altered.keys()].flatMap((key) => {
    const words = conversionOf(changes.from.get(key) as CatalogObject, changes.to.get(key) as CatalogObject)
    return words === undefined ? [] : [words]
  })
  const labels = [...changes.rebuiltEnums].map((key) => `rows with a label that ${key} loses make it fail`)
  return {
    batches: batches.filter(({ statements }) => statements.length > 0),
    losses: [...losses, ...conversions, ...labels],
    unsupported: changes.unsupported,
  }
}

/** Whose action stands for the going of an object: its own, or that of what it is part of. */
function dropIdOf(graph: ActionGraph, { from }: Changes, key: string): string | undefined {
  if (graph.has(`drop ${key}`)) return `drop ${key}`
  const parent = from.get(key)?.parent
  return parent && graph.has(`drop ${parent}`) ? `drop ${parent}` : undefined
}

/** Whose action stands for an object being as it should; the last of them where there are several. */
function doneIdOf(graph: ActionGraph, { to }: Changes, key: string): string | undefined {
  for (const verb of ['finish', 'create', 'alter']) if (graph.has(`${verb} ${key}`)) return `${verb} ${key}`
  const parent = to.get(key)?.parent
  return parent && graph.has(`create ${parent}`) ? `create ${parent}` : undefined
}

function addDrops(graph: ActionGraph, changes: Changes, isOnline: boolean): void {
  const { from, removed, replaced } = changes
  for (const key of [...removed, ...replaced]) {
    const object = from.get(key) as CatalogObject
    if (changes.isWithParent(key, removed) || changes.isWithParent(key, replaced)) continue
    if (object.kind === 'sequence' && isOwnerGone(object, changes)) continue
    const online = isOnline ? dropOnline(object, changes) : undefined
    graph.add({
      id: `drop ${key}`,
      sql: online ?? dropSql(object),
      stage: online ? 'alone' : 'together',
      rank: DROP_FIRST - rankOf(object),
    })
  }
}

/** A sequence goes with the column that it belongs to. */
function isOwnerGone(sequence: CatalogObject, { removed }: Changes): boolean {
  const column = textOf(sequence, 'ownedBy')
  return column !== undefined && (removed.has(`column ${column}`) || removed.has(`table ${ownerOf(column)}`))
}

function addCreations(graph: ActionGraph, changes: Changes, isOnline: boolean): void {
  const { to, added, replaced } = changes
  const inline = inlineConstraints(changes)
  for (const key of [...added, ...replaced]) {
    const object = to.get(key) as CatalogObject
    if (object.kind === 'column' && changes.isWithParent(key, added)) continue
    if (inline.has(key)) continue
    if (isOnline && addOnline(graph, object, changes, rankOf(object))) continue
    const columns =
      object.kind === 'table'
        ? [...to.values()].filter(({ kind, parent }) => kind === 'column' && parent === key)
        : []
    const own =
      object.kind === 'table'
        ? [...inline].filter((one) => to.get(one)?.parent === key).map((one) => to.get(one) as CatalogObject)
        : []
    const sql = createSql(object, { columns })
    graph.add({
      id: `create ${key}`,
      sql: own.length > 0 ? withConstraints(object, sql, own) : sql,
      stage: 'together',
      rank: rankOf(object),
    })
  }
}

function addAlterations(graph: ActionGraph, changes: Changes, isOnline: boolean): void {
  const { from, to, altered } = changes
  for (const [key, sql] of altered) {
    const object = to.get(key) as CatalogObject
    if (isOnline && object.kind === 'column' && setNotNullOnline(graph, object, sql, rankOf(object))) continue
    const isLabel = sql.some((one) => / ADD VALUE /.test(one))
    const isValidation = sql.some((one) => / VALIDATE CONSTRAINT /.test(one))
    graph.add({
      id: `alter ${key}`,
      sql,
      stage: isLabel || (isOnline && isValidation) ? 'alone' : 'together',
      rank: rankOf(object),
    })
  }
  for (const key of changes.rebuiltEnums) {
    const [before, after] = [from.get(key), to.get(key)] as [CatalogObject, CatalogObject]
    graph.add({
      id: `alter ${key}`,
      sql: rebuildEnum(before, after, changes),
      stage: 'together',
      rank: rankOf(after),
    })
  }
}

/** A new type beside the old one, the columns from one to the other by way of text, and the old one goes. */
function rebuildEnum(before: CatalogObject, after: CatalogObject, changes: Changes): string[] {
  const key = `enum ${after.name}`
  const old = `${lastOf(after.name).replaceAll('"', '')}__old`
  const columns = changes.columnsOf(key).flatMap((column) => {
    const object = changes.to.get(column) as CatalogObject
    const head = `ALTER TABLE ${ownerOf(object.name)} ALTER COLUMN ${lastOf(object.name)}`
    const type = textOf(object, 'type') ?? ''
    const byText = type.endsWith('[]') ? 'text[]' : 'text'
    const value = textOf(object, 'default')
    return [
      // Its own change may have come before this one, with a default of the old type.
      `${head} DROP DEFAULT`,
      `${head} TYPE ${type} USING ${lastOf(object.name)}::${byText}::${type}`,
      ...(value === undefined ? [] : [`${head} SET DEFAULT ${value}`]),
    ]
  })
  return [
    `ALTER TYPE ${before.name} RENAME TO "${old}"`,
    ...createSql(after),
    ...columns,
    `DROP TYPE ${ownerOf(before.name)}."${old}"`,
  ]
}

/** What comes when everything it names is there. */
function addAfterthoughts(graph: ActionGraph, changes: Changes): void {
  const { from, to } = changes
  for (const [key, object] of to) {
    const before = from.get(key)
    const sql =
      object.kind === 'sequence'
        ? sequenceOwnerSql(before, object)
        : object.kind === 'table'
          ? replicaIdentitySql(before, object)
          : []
    if (sql.length === 0) continue
    const id = `settle ${key}`
    graph.add({ id, sql, stage: 'together', rank: RANKS.length })
    graph.order(`create ${key}`, id)
    for (const other of to.keys()) {
      const names = object.kind === 'sequence' ? [`column ${textOf(object, 'ownedBy') ?? ''}`] : []
      const isIndex = object.kind === 'table' && to.get(other)?.parent === key
      if (isIndex || names.includes(other)) graph.order(doneIdOf(graph, changes, other), id)
    }
  }
  for (const key of changes.detachedDefaults) {
    const { name, attributes } = to.get(key) as CatalogObject
    const head = `ALTER TABLE ${ownerOf(name)} ALTER COLUMN ${lastOf(name)}`
    graph.add({
      id: `detach ${key}`,
      sql: [`${head} DROP DEFAULT`],
      stage: 'together',
      rank: DROP_FIRST - RANKS.length,
    })
    graph.add({
      id: `attach ${key}`,
      sql: [`${head} SET DEFAULT ${String(attributes.default)}`],
      stage: 'together',
      rank: RANKS.length,
    })
    for (const needed of changes.needsBefore.needsOf(key)) {
      graph.order(`detach ${key}`, `drop ${needed}`)
      graph.order(doneIdOf(graph, changes, needed), `attach ${key}`)
    }
  }
}

function orderByNeeds(graph: ActionGraph, changes: Changes): void {
  const verbs = ['alter', 'prepare', 'finish']
  for (const [dependent, needed] of changes.needsBefore.pairs) {
    const [gone, goes] = [dropIdOf(graph, changes, dependent), dropIdOf(graph, changes, needed)]
    graph.order(gone, goes)
    for (const verb of verbs) {
      // A replaced object is finished long after it went.
      if (!changes.replaced.has(dependent)) graph.order(`${verb} ${dependent}`, goes)
      graph.order(gone, `${verb} ${needed}`)
    }
    if (changes.rebuiltEnums.has(needed)) graph.order(`alter ${dependent}`, `alter ${needed}`)
  }
  for (const [dependent, needed] of changes.needsAfter.pairs) {
    const there = doneIdOf(graph, changes, needed)
    for (const verb of ['prepare', 'create', 'alter']) {
      if (
        verb === 'alter' &&
        changes.rebuiltEnums.has(needed) &&
        changes.needsBefore.needsOf(dependent).includes(needed)
      )
        continue
      graph.order(there, `${verb} ${dependent}`)
    }
    const parent = changes.to.get(dependent)?.parent
    // What a new table's columns need, the table needs.
    if (parent && !graph.has(`create ${dependent}`) && !graph.has(`finish ${dependent}`))
      graph.order(there, `create ${parent}`)
  }
  for (const key of changes.replaced)
    for (const verb of ['prepare', 'create']) graph.order(`drop ${key}`, `${verb} ${key}`)
}

/** Kinds that share one space of names within a schema. */
const RELATIONS = new Set([
  'table',
  'view',
  'materialized view',
  'sequence',
  'index',
  'composite type',
  'enum',
  'domain',
  'range type',
])

/** A name, or a primary key, is free only when what has it is gone. */
function orderByNames(graph: ActionGraph, changes: Changes): void {
  const claims = (object: CatalogObject): string[] => {
    const names = RELATIONS.has(object.kind) ? [object.name] : []
    if (object.kind !== 'constraint') return names
    const table = ownerOf(object.name)
    if (textOf(object, 'type') === 'primary key') names.push(`primary key of ${table}`)
    if (listOf(object, 'columns').length > 0) names.push(`${ownerOf(table)}.${lastOf(object.name)}`)
    return names
  }
  const freed = new Map<string, string[]>()
  for (const key of [...changes.removed, ...changes.replaced])
    for (const name of claims(changes.from.get(key) as CatalogObject))
      freed.set(name, [...(freed.get(name) ?? []), dropIdOf(graph, changes, key) ?? ''])
  for (const key of [...changes.added, ...changes.replaced])
    for (const name of claims(changes.to.get(key) as CatalogObject))
      for (const drop of freed.get(name) ?? [])
        for (const verb of ['prepare', 'create']) graph.order(drop, `${verb} ${key}`)
}
