import { quoteIdentifier } from '../../core/index.ts'
import type { CatalogObject } from '../catalog.ts'
import type { Changes } from './changes.ts'
import { createSql, indexSql } from './create.ts'
import type { ActionGraph } from './graph.ts'
import { commentSql, lastOf, listOf, ownerOf, textOf } from './words.ts'

/** A table or materialized view that is there before and after, and can be worked on beside its traffic. */
function isLive(parent: string | null, { from, to, replaced }: Changes): boolean {
  const before = parent === null ? undefined : from.get(parent)
  if (!before || !to.has(parent as string) || replaced.has(parent as string)) return false
  return textOf(before, 'kind') !== 'partitioned'
}

/** DROP INDEX CONCURRENTLY, where an index of a living table goes by itself. */
export function dropOnline(object: CatalogObject, changes: Changes): string[] | undefined {
  if (object.kind !== 'index' || !isLive(object.parent, changes)) return undefined
  return [`DROP INDEX CONCURRENTLY ${object.name}`]
}

/**
 * Adds what makes an index or a constraint of a living table without stopping it.
 * @returns false where there is no such way
 */
export function addOnline(
  graph: ActionGraph,
  object: CatalogObject,
  changes: Changes,
  rank: number,
): boolean {
  if (!isLive(object.parent, changes)) return false
  const key = `${object.kind} ${object.name}`
  if (object.kind === 'index') {
    const [, ...rest] = createSql(object)
    const sql = indexSql(object).replace(/^CREATE (UNIQUE )?INDEX /, (head) => `${head}CONCURRENTLY `)
    graph.add({ id: `create ${key}`, sql: [sql, ...rest], stage: 'alone', rank })
    return true
  }
  if (object.kind !== 'constraint' || object.attributes.validated !== true) return false
  const type = textOf(object, 'type')
  if (type === 'unique' || type === 'primary key') return addIndexFirst(graph, key, object, rank)
  if ((type !== 'foreign key' && type !== 'check') || object.attributes.notEnforced === true) return false
  const [add = '', ...rest] = createSql(object)
  graph.add({ id: `prepare ${key}`, sql: [`${add} NOT VALID`, ...rest], stage: 'together', rank })
  graph.add({
    id: `finish ${key}`,
    sql: [`ALTER TABLE ${ownerOf(object.name)} VALIDATE CONSTRAINT ${lastOf(object.name)}`],
    stage: 'alone',
    rank,
  })
  graph.order(`prepare ${key}`, `finish ${key}`)
  return true
}

/** The index is built beside the traffic; the constraint takes it over. */
function addIndexFirst(graph: ActionGraph, key: string, object: CatalogObject, rank: number): boolean {
  const match =
    /^(UNIQUE|PRIMARY KEY)( NULLS NOT DISTINCT)? (\(.*?\))( INCLUDE \(.*?\))?( DEFERRABLE.*)?$/s.exec(
      textOf(object, 'definition') ?? '',
    )
  if (!match || listOf(object, 'indexOptions').length > 0 || object.attributes.clustered === true)
    return false
  const [, kind, nulls = '', columns, include = '', deferrable = ''] = match
  const [table, name] = [ownerOf(object.name), lastOf(object.name)]
  graph.add({
    id: `prepare ${key}`,
    sql: [`CREATE UNIQUE INDEX CONCURRENTLY ${name} ON ${table} ${columns}${include}${nulls}`],
    stage: 'alone',
    rank,
  })
  graph.add({
    id: `finish ${key}`,
    sql: [
      `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${kind} USING INDEX ${name}${deferrable}`,
      ...commentSql(undefined, object),
    ],
    stage: 'together',
    rank,
  })
  graph.order(`prepare ${key}`, `finish ${key}`)
  return true
}

/**
 * SET NOT NULL without reading the table under its lock: a CHECK proves it, and goes again.
 * @returns false where the change is another one
 */
export function setNotNullOnline(
  graph: ActionGraph,
  column: CatalogObject,
  sql: readonly string[],
  rank: number,
): boolean {
  const at = sql.findIndex((one) => one.endsWith(' SET NOT NULL'))
  if (at < 0) return false
  const key = `column ${column.name}`
  const table = ownerOf(column.name)
  const check = quoteIdentifier(`${lastOf(column.name).replaceAll('"', '').slice(0, 40)}__not_null`)
  graph.add({
    id: `prepare ${key}`,
    sql: [
      ...sql.slice(0, at),
      `ALTER TABLE ${table} ADD CONSTRAINT ${check} CHECK (${lastOf(column.name)} IS NOT NULL) NOT VALID`,
    ],
    stage: 'together',
    rank,
  })
  graph.add({
    id: `check ${key}`,
    sql: [`ALTER TABLE ${table} VALIDATE CONSTRAINT ${check}`],
    stage: 'alone',
    rank,
  })
  graph.add({
    id: `finish ${key}`,
    sql: [sql[at] as string, `ALTER TABLE ${table} DROP CONSTRAINT ${check}`, ...sql.slice(at + 1)],
    stage: 'together',
    rank,
  })
  graph.order(`prepare ${key}`, `check ${key}`)
  graph.order(`check ${key}`, `finish ${key}`)
  return true
}
