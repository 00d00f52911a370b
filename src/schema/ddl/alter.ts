import { quoteLiteral } from '../../core/index.ts'
import { canonical, type CatalogObject, type Json } from '../catalog.ts'
import { compareFields } from '../compare.ts'
import {
  columnExtras,
  columnSql,
  enabledSql,
  identitySql,
  sequenceOptions,
  tableExtras,
  viewSql,
} from './create.ts'
import { commentSql, defaultPrivilegesSql, grantSql, lastOf, listOf, ownerOf, textOf } from './words.ts'

/** How an object gets from one state to another. */
export type Alteration =
  | { readonly way: 'alter'; readonly sql: readonly string[] }
  /** It has to go and come again. */
  | { readonly way: 'replace' }
  /** It cannot be said without losing something, or without knowing more. */
  | { readonly way: 'unsupported'; readonly why: string }

const alter = (...sql: readonly (readonly string[])[]): Alteration => ({ way: 'alter', sql: sql.flat() })
const REPLACE: Alteration = { way: 'replace' }
const unsupported = (why: string): Alteration => ({ way: 'unsupported', why })

/** Attributes that are changed by COMMENT, GRANT and the like, and never ask for more. */
const LIGHT = new Set(['comment', 'grants', 'enabled', 'validated', 'clustered'])

/** @returns undefined where the two states are the same */
export function alterationOf(before: CatalogObject, after: CatalogObject): Alteration | undefined {
  const fields = compareFields(before, after).map(({ field }) => field)
  if (fields.length === 0) return undefined
  const light = [...commentSql(before, after), ...grantSql(before, after)]
  const heavy = fields.filter((field) => !LIGHT.has(field))
  const way = heavy.length === 0 ? lightly(before, after, fields) : heavily(before, after, heavy)
  return way.way === 'alter' ? alter(way.sql, light) : way
}

function lightly(before: CatalogObject, after: CatalogObject, fields: readonly string[]): Alteration {
  const { kind, name } = after
  const sql: string[] = []
  if (fields.includes('enabled')) {
    if (kind === 'event trigger') return REPLACE
    sql.push(...enabledSql(after, kind === 'rule' ? 'RULE' : 'TRIGGER', ''))
  }
  if (fields.includes('validated')) {
    if (after.attributes.validated !== true) return REPLACE
    sql.push(
      kind === 'domain constraint'
        ? `ALTER DOMAIN ${ownerOf(name)} VALIDATE CONSTRAINT ${lastOf(name)}`
        : `ALTER TABLE ${ownerOf(name)} VALIDATE CONSTRAINT ${lastOf(name)}`,
    )
  }
  if (fields.includes('clustered')) {
    const table = (after.parent ?? '').replace(/^(table|materialized view) /, '')
    sql.push(
      after.attributes.clustered === true
        ? `ALTER TABLE ${table} CLUSTER ON ${lastOf(name)}`
        : `ALTER TABLE ${table} SET WITHOUT CLUSTER`,
    )
  }
  if (kind === 'default privileges') sql.push(...defaultPrivilegesSql(before, after))
  return alter(sql)
}

function heavily(before: CatalogObject, after: CatalogObject, fields: readonly string[]): Alteration {
  switch (after.kind) {
    case 'table':
      return alterTable(before, after, fields)
    case 'column':
      return alterColumn(before, after, fields)
    case 'constraint':
    case 'domain constraint':
      // VALIDATE takes the words NOT VALID out of the definition.
      return isValidation(before, after) ? lightly(before, after, ['validated']) : REPLACE
    case 'enum':
      return addLabels(before, after)
    case 'domain':
      return alterDomain(before, after, fields)
    case 'composite type':
      return alterComposite(before, after)
    case 'sequence':
      return alterSequence(before, after)
    case 'extension':
      return fields.includes('schema') || textOf(after, 'version') === undefined
        ? REPLACE
        : alter([`ALTER EXTENSION ${after.name} UPDATE TO ${quoteLiteral(textOf(after, 'version') ?? '')}`])
    case 'view':
      return keepsColumns(before, after) ? alter([viewSql(after, 'CREATE OR REPLACE VIEW')]) : REPLACE
    case 'function':
    case 'procedure':
      return fields.includes('result') || fields.includes('arguments')
        ? REPLACE
        : alter([(textOf(after, 'definition') ?? '').trim()])
    case 'range type':
      return unsupported(`${after.name}: a range type cannot be changed`)
    default:
      return REPLACE
  }
}

const isValidation = (before: CatalogObject, after: CatalogObject): boolean =>
  after.attributes.validated === true &&
  before.attributes.validated !== true &&
  textOf(before, 'definition') === `${textOf(after, 'definition') ?? ''} NOT VALID`

/** A view may get new columns behind its own, and no other change of them. */
function keepsColumns(before: CatalogObject, after: CatalogObject): boolean {
  const [was, is] = [listOf(before, 'columns'), listOf(after, 'columns')]
  return (
    was.every((column, at) => is[at] === column) &&
    canonical(before.attributes.options ?? null) === canonical(after.attributes.options ?? null)
  )
}

function alterTable(before: CatalogObject, after: CatalogObject, fields: readonly string[]): Alteration {
  const { name } = after
  for (const field of ['kind', 'partitionKey', 'accessMethod', 'tablespace'])
    if (fields.includes(field)) return unsupported(`${name}: its ${field} differs, which takes a new table`)
  const sql: string[] = []
  const [oldParent, newParent] = [textOf(before, 'partitionOf'), textOf(after, 'partitionOf')]
  if (fields.includes('partitionOf') || fields.includes('bound')) {
    if (oldParent !== undefined) sql.push(`ALTER TABLE ${oldParent} DETACH PARTITION ${name}`)
    if (newParent !== undefined)
      sql.push(`ALTER TABLE ${newParent} ATTACH PARTITION ${name} ${textOf(after, 'bound') ?? ''}`)
  }
  if (fields.includes('inherits')) {
    const [was, is] = [listOf(before, 'inherits'), listOf(after, 'inherits')]
    sql.push(...was.filter((one) => !is.includes(one)).map((one) => `ALTER TABLE ${name} NO INHERIT ${one}`))
    sql.push(...is.filter((one) => !was.includes(one)).map((one) => `ALTER TABLE ${name} INHERIT ${one}`))
  }
  if (fields.includes('persistence'))
    sql.push(`ALTER TABLE ${name} SET ${String(after.attributes.persistence).toUpperCase()}`)
  return alter(sql, tableExtras(before, after))
}

function alterColumn(before: CatalogObject, after: CatalogObject, fields: readonly string[]): Alteration {
  const column = lastOf(after.name)
  const table = `ALTER TABLE ${ownerOf(after.name)}`
  const head = `${table} ALTER COLUMN ${column}`
  const [wasGenerated, isGenerated] = [before.attributes.generated, after.attributes.generated]
  if (isGenerated !== undefined && fields.includes('generated'))
    // Its values are worked out, so that nothing is lost with it.
    return wasGenerated === undefined
      ? unsupported(`${after.name}: an ordinary column cannot become a generated one`)
      : alter(
          [`${table} DROP COLUMN ${column}`, `${table} ADD COLUMN ${columnSql(after)}`],
          columnExtras(undefined, after),
        )
  const sql: string[] = []
  if (wasGenerated !== undefined && isGenerated === undefined) {
    if ((wasGenerated as { kind?: string }).kind === 'virtual')
      return alter(
        [`${table} DROP COLUMN ${column}`, `${table} ADD COLUMN ${columnSql(after)}`],
        columnExtras(undefined, after),
      )
    sql.push(`${head} DROP EXPRESSION`)
  }
  const changesType = fields.includes('type') || fields.includes('collation')
  const [wasDefault, isDefault] = [textOf(before, 'default'), textOf(after, 'default')]
  // A default of the old type may not fit the new one.
  if (wasDefault !== undefined && (changesType || isDefault === undefined)) sql.push(`${head} DROP DEFAULT`)
  sql.push(...identityChange(before, after, head, false))
  if (changesType) sql.push(typeSql(after, head, before))
  if (isDefault !== undefined && (changesType || wasDefault !== isDefault))
    sql.push(`${head} SET DEFAULT ${isDefault}`)
  if (fields.includes('notNull'))
    sql.push(`${head} ${after.attributes.notNull === true ? 'SET' : 'DROP'} NOT NULL`)
  sql.push(...identityChange(before, after, head, true))
  return alter(sql, columnExtras(before, after))
}

function typeSql(after: CatalogObject, head: string, before: CatalogObject): string {
  const collation = textOf(after, 'collation')
  const type = `${textOf(after, 'type') ?? ''}${collation === undefined ? '' : ` COLLATE ${collation}`}`
  const [from, to] = [textOf(before, 'type') ?? '', textOf(after, 'type') ?? '']
  // Where a cast is taken unasked it is left to: what does not fit fails, where a cast that is asked for would cut it.
  const cast = isCastTaken(from, to)
    ? ''
    : TEXTS.test(from)
      ? ` USING ${lastOf(after.name)}::${to}`
      : ` USING ${lastOf(after.name)}::text::${to}`
  const using = from === to ? '' : cast
  return `${head} TYPE ${type}${using}`
}

/** Types among which PostgreSQL casts by itself when a value is stored. */
const FAMILIES: readonly RegExp[] = [
  /^(smallint|integer|bigint|numeric|real|double precision)\b/,
  /^(date|timestamp)\b/,
  /^jsonb?$/,
  /^(inet|cidr)$/,
]
const TEXTS = /^(text|character|character varying|citext|name)\b(?!.*\[\])/

/** Whether a value of one type is stored as another unasked. */
function isCastTaken(from: string, to: string): boolean {
  if (TEXTS.test(to)) return true
  return FAMILIES.some(
    (family) => family.test(from) && family.test(to) && !from.endsWith('[]') && !to.endsWith('[]'),
  )
}

/** Type changes after which every value is what it was. */
const WIDENINGS: readonly RegExp[] = [
  /^smallint -> (integer|bigint|numeric)$/,
  /^integer -> (bigint|numeric)$/,
  /^bigint -> numeric$/,
  /^real -> double precision$/,
  /^\S.* -> (text|character varying)$/,
  /^date -> timestamp/,
]

/** What a change of type may cost, in words; undefined where every value stays what it was. */
export function conversionOf(before: CatalogObject, after: CatalogObject): string | undefined {
  const [from, to] = [textOf(before, 'type') ?? '', textOf(after, 'type') ?? '']
  if (after.kind !== 'column' || from === to || WIDENINGS.some((one) => one.test(`${from} -> ${to}`)))
    return undefined
  const [a, b] = [from, to].map((one) => /^character varying\((\d+)\)$/.exec(one)?.[1])
  if (a !== undefined && b !== undefined && Number(b) >= Number(a)) return undefined
  return `the exact values of ${after.name}: from ${from} to ${to} they are converted, and what does not fit fails`
}

/** An identity goes before the type changes, and comes behind NOT NULL. */
function identityChange(
  before: CatalogObject,
  after: CatalogObject,
  head: string,
  isComing: boolean,
): string[] {
  const [was, is] = [before.attributes.identity, after.attributes.identity] as (
    Record<string, Json> | undefined
  )[]
  if (canonical(was ?? null) === canonical(is ?? null)) return []
  if (is === undefined) return isComing ? [] : [`${head} DROP IDENTITY`]
  if (!isComing) return []
  if (was === undefined) return [`${head} ADD ${identitySql(is)}`]
  const numbers = sequenceOptions(is)
    .replace(/(INCREMENT|MINVALUE|MAXVALUE|START|CACHE|NO CYCLE|CYCLE)/g, 'SET $1')
    .replace('SET NO SET CYCLE', 'SET NO CYCLE')
  return [`${head} SET GENERATED ${String(is.kind).toUpperCase()} ${numbers}`]
}

/** New labels are added in their place; where one goes or moves, the type has to be made anew. */
function addLabels(before: CatalogObject, after: CatalogObject): Alteration {
  const [was, is] = [listOf(before, 'labels'), listOf(after, 'labels')]
  const kept = is.filter((label) => was.includes(label))
  if (kept.length !== was.length || kept.some((label, at) => label !== was[at]))
    return unsupported(
      `${after.name}: a label of an enum cannot be taken away or moved; make a new type and change the columns`,
    )
  const sql = is.flatMap((label, at) => {
    if (was.includes(label)) return []
    const place =
      at === 0 ? ` BEFORE ${quoteLiteral(was[0] ?? '')}` : ` AFTER ${quoteLiteral(is[at - 1] as string)}`
    return [`ALTER TYPE ${after.name} ADD VALUE ${quoteLiteral(label)}${was.length === 0 ? '' : place}`]
  })
  return alter(sql)
}

function alterDomain(before: CatalogObject, after: CatalogObject, fields: readonly string[]): Alteration {
  if (fields.includes('type') || fields.includes('collation'))
    return unsupported(
      `${after.name}: the type under a domain cannot be changed; make a new domain and change the columns`,
    )
  const sql: string[] = []
  const value = textOf(after, 'default')
  if (textOf(before, 'default') !== value)
    sql.push(`ALTER DOMAIN ${after.name} ${value === undefined ? 'DROP DEFAULT' : `SET DEFAULT ${value}`}`)
  if (fields.includes('notNull'))
    sql.push(`ALTER DOMAIN ${after.name} ${after.attributes.notNull === true ? 'SET' : 'DROP'} NOT NULL`)
  return alter(sql)
}

function alterComposite(before: CatalogObject, after: CatalogObject): Alteration {
  const parse = (field: string): [string, string] => {
    const name = /^("(?:[^"]|"")*"|\S+) /.exec(field)?.[1] ?? field
    return [name, field.slice(name.length + 1)]
  }
  const [was, is] = [
    new Map(listOf(before, 'fields').map(parse)),
    new Map(listOf(after, 'fields').map(parse)),
  ]
  const kept = [...is.keys()].filter((name) => was.has(name))
  const isInOrder = [...was.keys()].filter((name) => is.has(name)).every((name, at) => kept[at] === name)
  const firstNew = [...is.keys()].findIndex((name) => !was.has(name))
  if (!isInOrder || (firstNew >= 0 && firstNew < kept.length))
    return unsupported(`${after.name}: the fields of a composite type cannot change places`)
  const sql = [
    ...[...was.keys()].filter((name) => !is.has(name)).map((name) => `DROP ATTRIBUTE ${name}`),
    ...[...is].flatMap(([name, type]) =>
      !was.has(name)
        ? [`ADD ATTRIBUTE ${name} ${type}`]
        : was.get(name) === type
          ? []
          : [`ALTER ATTRIBUTE ${name} TYPE ${type}`],
    ),
  ]
  return alter(sql.map((one) => `ALTER TYPE ${after.name} ${one}`))
}

function alterSequence(before: CatalogObject, after: CatalogObject): Alteration {
  const numbers = ['type', 'start', 'increment', 'min', 'max', 'cache', 'cycle']
  const sql: string[] = []
  if (numbers.some((one) => textOf(before, one) !== textOf(after, one)))
    sql.push(
      `ALTER SEQUENCE ${after.name} AS ${textOf(after, 'type') ?? ''} ${sequenceOptions(after.attributes)}`,
    )
  if (textOf(before, 'persistence') !== textOf(after, 'persistence'))
    sql.push(`ALTER SEQUENCE ${after.name} SET ${String(after.attributes.persistence).toUpperCase()}`)
  return alter(sql)
}

/** Whose a sequence is: the column has to be there first. */
export function sequenceOwnerSql(before: CatalogObject | undefined, after: CatalogObject): string[] {
  const [was, is] = [before && textOf(before, 'ownedBy'), textOf(after, 'ownedBy')]
  return was === is ? [] : [`ALTER SEQUENCE ${after.name} OWNED BY ${is ?? 'NONE'}`]
}
