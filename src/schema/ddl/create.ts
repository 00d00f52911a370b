import { quoteLiteral } from '../../core/index.ts'
import type { CatalogObject, Json } from '../catalog.ts'
import { commentSql, defaultPrivilegesSql, grantSql, lastOf, listOf, ownerOf, textOf } from './words.ts'

/** What a new table is made with besides its own attributes. */
export interface TableParts {
  readonly columns: readonly CatalogObject[]
}

type Create = (object: CatalogObject, parts: TableParts) => string[]

const fromDefinition: Create = (object) => [withoutSemicolon(textOf(object, 'definition') ?? '')]

const withoutSemicolon = (sql: string): string => sql.trim().replace(/;$/, '')

const CREATE: Readonly<Record<CatalogObject['kind'], Create>> = {
  schema: ({ name }) => [`CREATE SCHEMA ${name}`],
  extension: (object) => [`CREATE EXTENSION ${object.name} SCHEMA ${textOf(object, 'schema') ?? 'public'}`],
  enum: (object) => [
    `CREATE TYPE ${object.name} AS ENUM (${listOf(object, 'labels').map(quoteLiteral).join(', ')})`,
  ],
  domain: (object) => [
    [
      `CREATE DOMAIN ${object.name} AS ${textOf(object, 'type') ?? ''}`,
      ...option(object, 'collation', (value) => `COLLATE ${value}`),
      ...option(object, 'default', (value) => `DEFAULT ${value}`),
      ...(object.attributes.notNull === true ? ['NOT NULL'] : []),
    ].join(' '),
  ],
  'domain constraint': (object) => [
    `ALTER DOMAIN ${ownerOf(object.name)} ADD CONSTRAINT ${lastOf(object.name)} ${textOf(object, 'definition') ?? ''}`,
  ],
  'composite type': (object) => [`CREATE TYPE ${object.name} AS (${listOf(object, 'fields').join(', ')})`],
  'range type': (object) => [
    `CREATE TYPE ${object.name} AS RANGE (${[
      `SUBTYPE = ${textOf(object, 'subtype') ?? ''}`,
      ...option(object, 'difference', (value) => `SUBTYPE_DIFF = ${value}`),
      ...option(object, 'canonical', (value) => `CANONICAL = ${value}`),
      ...option(object, 'multirange', (value) => `MULTIRANGE_TYPE_NAME = ${value}`),
    ].join(', ')})`,
  ],
  sequence: (object) => [
    `CREATE ${object.attributes.persistence === 'unlogged' ? 'UNLOGGED ' : ''}SEQUENCE ${object.name} AS ${textOf(object, 'type') ?? ''} ${sequenceOptions(object.attributes)}`,
  ],
  table: (object, { columns }) => [
    createTable(object, columns),
    ...tableExtras(undefined, object),
    ...columns.flatMap((column) => [
      ...columnExtras(undefined, column),
      ...commentSql(undefined, column),
      ...grantSql(undefined, column),
    ]),
  ],
  column: (object) => [
    `ALTER TABLE ${ownerOf(object.name)} ADD COLUMN ${columnSql(object)}`,
    ...columnExtras(undefined, object),
  ],
  constraint: (object) => [
    `ALTER TABLE ${ownerOf(object.name)} ADD CONSTRAINT ${lastOf(object.name)} ${constraintDefinition(object)}`,
    ...clusterSql(object),
  ],
  index: (object) => [indexSql(object), ...clusterSql(object)],
  trigger: (object) => [
    ...fromDefinition(object, { columns: [] }),
    ...enabledSql(object, 'TRIGGER', 'origin'),
  ],
  rule: (object) => [...fromDefinition(object, { columns: [] }), ...enabledSql(object, 'RULE', 'O')],
  policy: (object) => [
    [
      `CREATE POLICY ${lastOf(object.name)} ON ${ownerOf(object.name)}`,
      `AS ${object.attributes.permissive === true ? 'PERMISSIVE' : 'RESTRICTIVE'} FOR ${textOf(object, 'command') ?? 'ALL'}`,
      `TO ${listOf(object, 'roles')
        .map((role) => (role === 'public' ? 'PUBLIC' : role))
        .join(', ')}`,
      ...option(object, 'using', (value) => `USING (${value})`),
      ...option(object, 'check', (value) => `WITH CHECK (${value})`),
    ].join(' '),
  ],
  statistics: fromDefinition,
  view: (object) => [viewSql(object, 'CREATE VIEW')],
  'materialized view': (object) => [
    `CREATE MATERIALIZED VIEW ${object.name}${withOptions(object)} AS ${withoutSemicolon(textOf(object, 'definition') ?? '')}`,
  ],
  function: fromDefinition,
  procedure: fromDefinition,
  aggregate: fromDefinition,
  'event trigger': (object) => [
    [
      `CREATE EVENT TRIGGER ${object.name} ON ${textOf(object, 'event') ?? ''}`,
      ...(listOf(object, 'tags').length > 0
        ? [`WHEN TAG IN (${listOf(object, 'tags').map(quoteLiteral).join(', ')})`]
        : []),
      `EXECUTE FUNCTION ${textOf(object, 'function') ?? ''}()`,
    ].join(' '),
  ],
  'default privileges': (object) => defaultPrivilegesSql(undefined, object),
}

/** The statements that make an object, its comment and its grants with it. */
export function createSql(object: CatalogObject, parts: TableParts = { columns: [] }): string[] {
  return [
    ...CREATE[object.kind](object, parts),
    ...commentSql(undefined, object),
    ...grantSql(undefined, object),
  ]
}

function option(object: CatalogObject, name: string, words: (value: string) => string): string[] {
  const value = textOf(object, name)
  return value === undefined ? [] : [words(value)]
}

/** `INCREMENT BY 1 MINVALUE 1 ...` of a sequence or an identity. */
export function sequenceOptions(numbers: Readonly<Record<string, Json>>): string {
  const { increment, min, max, start, cache, cycle } = numbers
  return `INCREMENT BY ${increment as string} MINVALUE ${min as string} MAXVALUE ${max as string} START WITH ${start as string} CACHE ${cache as string} ${cycle === true ? 'CYCLE' : 'NO CYCLE'}`
}

function createTable(table: CatalogObject, columns: readonly CatalogObject[]): string {
  const parent = textOf(table, 'partitionOf')
  const inherits = listOf(table, 'inherits')
  const list = columns.map(columnSql).join(', ')
  return [
    `CREATE ${table.attributes.persistence === 'unlogged' ? 'UNLOGGED ' : ''}TABLE ${table.name}`,
    ...(parent === undefined ? [`(${list})`] : [`PARTITION OF ${parent} ${textOf(table, 'bound') ?? ''}`]),
    ...(inherits.length > 0 ? [`INHERITS (${inherits.join(', ')})`] : []),
    ...option(table, 'partitionKey', (key) => `PARTITION BY ${key}`),
    ...option(table, 'accessMethod', (method) => `USING ${method}`),
    ...(withOptions(table) === '' ? [] : [withOptions(table).trim()]),
    ...option(table, 'tablespace', (space) => `TABLESPACE ${space}`),
  ].join(' ')
}

/** `name type COLLATE ... NOT NULL ...` */
export function columnSql(column: CatalogObject): string {
  const { attributes } = column
  const generated = attributes.generated as { expression: string; kind: string } | undefined
  const identity = attributes.identity as Record<string, Json> | undefined
  return [
    `${lastOf(column.name)} ${textOf(column, 'type') ?? ''}`,
    ...option(column, 'compression', (method) => `COMPRESSION ${method}`),
    ...option(column, 'collation', (collation) => `COLLATE ${collation}`),
    ...(generated ? [`GENERATED ALWAYS AS (${generated.expression}) ${generated.kind.toUpperCase()}`] : []),
    ...(identity ? [identitySql(identity)] : []),
    ...option(column, 'default', (value) => `DEFAULT ${value}`),
    ...(attributes.notNull === true ? ['NOT NULL'] : []),
  ].join(' ')
}

/** `GENERATED ALWAYS AS IDENTITY (...)` */
export function identitySql(identity: Readonly<Record<string, Json>>): string {
  return `GENERATED ${String(identity.kind).toUpperCase()} AS IDENTITY (${sequenceOptions(identity)})`
}

/** What a column has that stands in no definition of it. */
export function columnExtras(before: CatalogObject | undefined, after: CatalogObject): string[] {
  const table = `ALTER TABLE ${ownerOf(after.name)} ALTER COLUMN ${lastOf(after.name)}`
  const sql: string[] = []
  const differs = (name: string): boolean => (before && textOf(before, name)) !== textOf(after, name)
  if (differs('storage')) sql.push(`${table} SET STORAGE ${textOf(after, 'storage') ?? 'DEFAULT'}`)
  if (before && differs('compression'))
    sql.push(`${table} SET COMPRESSION ${textOf(after, 'compression') ?? 'default'}`)
  if (differs('statistics')) sql.push(`${table} SET STATISTICS ${textOf(after, 'statistics') ?? '-1'}`)
  sql.push(...optionChanges(before, after, 'options', table))
  return sql
}

/** SET and RESET of storage parameters, from one state to the other. */
export function optionChanges(
  before: CatalogObject | undefined,
  after: CatalogObject,
  name: string,
  head: string,
  prefix = '',
): string[] {
  const nameOf = (setting: string): string => setting.slice(0, setting.indexOf('='))
  const [was, is] = [before ? listOf(before, name) : [], listOf(after, name)]
  const gone = was.map(nameOf).filter((one) => !is.some((setting) => nameOf(setting) === one))
  const set = is.filter((setting) => !was.includes(setting))
  return [
    ...(gone.length > 0 ? [`${head} RESET (${gone.map((one) => prefix + one).join(', ')})`] : []),
    ...(set.length > 0 ? [`${head} SET (${set.map((one) => prefix + settingSql(one)).join(', ')})`] : []),
  ]
}

function settingSql(setting: string): string {
  const at = setting.indexOf('=')
  const value = setting.slice(at + 1)
  return `${setting.slice(0, at)} = ${/^[\w.-]+$/.test(value) ? value : quoteLiteral(value)}`
}

function withOptions(object: CatalogObject): string {
  const own = listOf(object, 'options').map(settingSql)
  return own.length === 0 ? '' : ` WITH (${own.join(', ')})`
}

/** What a table has that stands in no CREATE TABLE. */
export function tableExtras(before: CatalogObject | undefined, after: CatalogObject): string[] {
  const table = `ALTER TABLE ${after.name}`
  const has = (object: CatalogObject | undefined, name: string): boolean => object?.attributes[name] === true
  const sql: string[] = []
  if (has(before, 'rowSecurity') !== has(after, 'rowSecurity'))
    sql.push(`${table} ${has(after, 'rowSecurity') ? 'ENABLE' : 'DISABLE'} ROW LEVEL SECURITY`)
  if (has(before, 'forceRowSecurity') !== has(after, 'forceRowSecurity'))
    sql.push(`${table} ${has(after, 'forceRowSecurity') ? 'FORCE' : 'NO FORCE'} ROW LEVEL SECURITY`)
  if (before) sql.push(...optionChanges(before, after, 'options', table))
  sql.push(...optionChanges(before, after, 'toastOptions', table, 'toast.'))
  return sql
}

/** REPLICA IDENTITY, which may name an index and so comes after it. */
export function replicaIdentitySql(before: CatalogObject | undefined, after: CatalogObject): string[] {
  const [was, is] = [
    (before && textOf(before, 'replicaIdentity')) ?? 'default',
    textOf(after, 'replicaIdentity') ?? 'default',
  ]
  if (was === is) return []
  const words = is.startsWith('index ') ? `USING INDEX ${is.slice('index '.length)}` : is.toUpperCase()
  return [`ALTER TABLE ${after.name} REPLICA IDENTITY ${words}`]
}

/** With the storage parameters of its index, which its definition leaves out. */
function constraintDefinition(object: CatalogObject): string {
  const definition = textOf(object, 'definition') ?? ''
  const parameters = listOf(object, 'indexOptions').map(settingSql)
  if (parameters.length === 0) return definition
  const [, head, rest] = /^(.*?\)(?: INCLUDE \([^)]*\))?)(.*)$/s.exec(definition) ?? [
    undefined,
    definition,
    '',
  ]
  return `${head} WITH (${parameters.join(', ')})${rest}`
}

/** The index of a partitioned table goes down to its partitions. */
export function indexSql(object: CatalogObject): string {
  return (textOf(object, 'definition') ?? '').replace(/ ON ONLY /, ' ON ')
}

function clusterSql(object: CatalogObject): string[] {
  if (object.attributes.clustered !== true) return []
  const table = (object.parent ?? '').replace(/^(table|materialized view) /, '')
  return [`ALTER TABLE ${table} CLUSTER ON ${lastOf(object.name)}`]
}

const ENABLED: Readonly<Record<string, string>> = {
  disabled: 'DISABLE',
  replica: 'ENABLE REPLICA',
  always: 'ENABLE ALWAYS',
  origin: 'ENABLE',
  D: 'DISABLE',
  R: 'ENABLE REPLICA',
  A: 'ENABLE ALWAYS',
  O: 'ENABLE',
}

/** When a trigger or rule fires, where that is not as usual. */
export function enabledSql(object: CatalogObject, noun: 'TRIGGER' | 'RULE', usual: string): string[] {
  const state = textOf(object, 'enabled') ?? usual
  return state === usual
    ? []
    : [`ALTER TABLE ${ownerOf(object.name)} ${ENABLED[state] ?? 'ENABLE'} ${noun} ${lastOf(object.name)}`]
}

/** CREATE VIEW or CREATE OR REPLACE VIEW. */
export function viewSql(object: CatalogObject, head: string): string {
  return `${head} ${object.name}${withOptions(object)} AS ${withoutSemicolon(textOf(object, 'definition') ?? '')}`
}
