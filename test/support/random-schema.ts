type Random = () => number

/** A small structure as data, to be changed at random and written as SQL. */
export interface SchemaModel {
  readonly enums: Map<string, string[]>
  readonly domains: Map<string, { check: string; value: string | undefined }>
  readonly functions: Map<string, { result: string; body: string; argument: string }>
  readonly sequences: Map<string, { increment: number }>
  readonly tables: Map<string, TableModel>
  readonly views: Map<string, { table: string; columns: string[]; isMaterialized: boolean }>
}

export interface TableModel {
  readonly columns: Map<string, ColumnModel>
  readonly checks: Map<string, string>
  readonly uniques: Map<string, string>
  readonly indexes: Map<string, { column: string; isPartial: boolean }>
  readonly references: Map<string, { column: string; to: string }>
  readonly triggers: Set<string>
  readonly policies: Map<string, string>
  key: 'plain' | 'identity' | 'none'
  isPartitioned: boolean
  partitions: number
  comment: string | undefined
  isUnlogged: boolean
  fillfactor: number | undefined
  isGranted: boolean
}

interface ColumnModel {
  type: string
  isNotNull: boolean
  value: string | undefined
  isGenerated: boolean
  comment: string | undefined
}

const LABELS = ['red', 'green', 'blue', 'grey', 'pink']
const PLAIN_TYPES = [
  'integer',
  'bigint',
  'text',
  'varchar(20)',
  'varchar(40)',
  'numeric(10, 2)',
  'boolean',
  'jsonb',
  'timestamptz',
  'date',
  'text[]',
  'uuid',
]
/** Types that a column may be changed to, without a value in the way. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  integer: ['0', '7'],
  bigint: ['0', '9'],
  text: ["''", "'x;y'"],
  'varchar(20)': ["'a'"],
  'varchar(40)': ["'b'"],
  'numeric(10, 2)': ['1.5'],
  boolean: ['true', 'false'],
  jsonb: ["'{}'"],
  timestamptz: ['now()'],
  'text[]': ["'{}'"],
  uuid: ['gen_random_uuid()'],
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)] as T
}
const chance = (random: Random, of: number): boolean => random() < of

function subset<T>(random: Random, list: readonly T[], least: number): T[] {
  const shuffled = list
    .map((one) => [random(), one] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, one]) => one)
  return shuffled.slice(0, Math.max(least, Math.floor(random() * (list.length + 1))))
}

/** A structure out of nothing. */
export function randomSchema(random: Random): SchemaModel {
  const model: SchemaModel = {
    enums: new Map(),
    domains: new Map(),
    functions: new Map(),
    sequences: new Map(),
    tables: new Map(),
    views: new Map(),
  }
  for (const name of subset(random, ['colour', 'Shade of'], 0))
    model.enums.set(name, subset(random, LABELS, 1))
  for (const name of subset(random, ['positive', 'short'], 0)) model.domains.set(name, newDomain(random))
  for (const name of subset(random, ['compute', 'touch'], 0))
    model.functions.set(name, newFunction(random, name))
  for (const name of subset(random, ['counter'], 0))
    model.sequences.set(name, { increment: 1 + Math.floor(random() * 3) })
  for (const name of subset(random, ['alpha', 'beta', 'Gamma ray', 'delta'], 1))
    model.tables.set(name, newTable(random, model))
  relate(random, model)
  return model
}

/** Another structure that has much in common with the first. */
export function changedSchema(random: Random, from: SchemaModel): SchemaModel {
  const model = structuredClone(from)
  for (const [name, labels] of model.enums) {
    if (chance(random, 0.4))
      model.enums.set(name, [...labels, ...LABELS.filter((one) => !labels.includes(one)).slice(0, 1)])
    if (chance(random, 0.2) && labels.length > 1) model.enums.set(name, labels.slice(1))
  }
  for (const name of model.domains.keys()) if (chance(random, 0.5)) model.domains.set(name, newDomain(random))
  for (const name of model.functions.keys())
    if (chance(random, 0.5)) model.functions.set(name, newFunction(random, name))
  for (const sequence of model.sequences.values()) sequence.increment = 1 + Math.floor(random() * 3)
  for (const name of model.tables.keys())
    if (chance(random, 0.2) && model.tables.size > 1) model.tables.delete(name)
  for (const name of ['delta', 'epsilon'])
    if (chance(random, 0.3) && !model.tables.has(name)) model.tables.set(name, newTable(random, model))
  for (const table of model.tables.values()) changeTable(random, model, table)
  relate(random, model)
  return model
}

const newDomain = (random: Random): { check: string; value: string | undefined } => ({
  check: pick(random, ['VALUE > 0', 'VALUE > 1', 'VALUE <> 5']),
  value: pick(random, [undefined, '7']),
})

const newFunction = (random: Random, name: string): { result: string; body: string; argument: string } =>
  name === 'touch'
    ? { result: 'trigger', body: pick(random, ['RETURN NEW;', 'NEW := NEW; RETURN NEW;']), argument: '' }
    : {
        result: pick(random, ['integer', 'bigint']),
        body: `RETURN ${pick(random, ['1', '2'])};`,
        argument: pick(random, ['n integer', 'n integer DEFAULT 3', 'm integer']),
      }

function newTable(random: Random, model: SchemaModel): TableModel {
  const table: TableModel = {
    columns: new Map(),
    checks: new Map(),
    uniques: new Map(),
    indexes: new Map(),
    references: new Map(),
    triggers: new Set(),
    policies: new Map(),
    key: pick(random, ['plain', 'identity', 'identity', 'none'] as const),
    isPartitioned: chance(random, 0.15),
    partitions: Math.floor(random() * 3),
    comment: pick(random, [undefined, "it's a table"]),
    isUnlogged: false,
    fillfactor: undefined,
    isGranted: chance(random, 0.3),
  }
  for (const name of subset(random, ['one', 'two', 'Three', 'four', 'five'], 1))
    table.columns.set(name, newColumn(random, model))
  return table
}

function newColumn(random: Random, model: SchemaModel): ColumnModel {
  const own = [...model.enums.keys(), ...model.domains.keys()].map((name) => `"${name}"`)
  const type = pick(random, [...PLAIN_TYPES, ...own, ...own])
  return {
    type,
    isNotNull: chance(random, 0.3),
    value: chance(random, 0.3) ? defaultFor(random, model, type) : undefined,
    isGenerated: false,
    comment: pick(random, [undefined, undefined, 'a column']),
  }
}

function defaultFor(random: Random, model: SchemaModel, type: string): string | undefined {
  const labels = model.enums.get(type.replaceAll('"', ''))
  if (labels) return `'${pick(random, labels)}'`
  if (type === 'integer' && model.functions.has('compute') && chance(random, 0.5))
    return 'compute(1)::integer'
  if (type === 'bigint' && model.sequences.has('counter') && chance(random, 0.5)) return "nextval('counter')"
  return VALUES[type] && pick(random, VALUES[type])
}

/** Type changes that every row, there being none, survives. */
const CAN_BECOME: Readonly<Record<string, readonly string[]>> = {
  integer: ['bigint', 'text', 'numeric(10, 2)'],
  bigint: ['integer', 'text'],
  text: ['varchar(20)', 'varchar(40)', 'integer', 'jsonb'],
  'varchar(20)': ['varchar(40)', 'text'],
  'varchar(40)': ['varchar(20)', 'text'],
  timestamptz: ['date', 'text'],
}

function changeTable(random: Random, model: SchemaModel, table: TableModel): void {
  for (const [name, column] of table.columns) {
    if (chance(random, 0.15) && table.columns.size > 1) table.columns.delete(name)
    const next = CAN_BECOME[column.type]
    if (next && chance(random, 0.25))
      Object.assign(column, { type: pick(random, next), value: undefined, isGenerated: false })
    if (chance(random, 0.2)) column.isNotNull = !column.isNotNull
    if (chance(random, 0.2))
      column.value = column.isGenerated ? undefined : defaultFor(random, model, column.type)
    if (chance(random, 0.2)) column.comment = pick(random, [undefined, 'another word'])
    const labels = model.enums.get(column.type.replaceAll('"', ''))
    // A label that is gone cannot be a default.
    if (labels && column.value !== undefined && !labels.includes(column.value.replaceAll("'", '')))
      column.value = undefined
  }
  for (const name of ['four', 'six', 'seven'])
    if (chance(random, 0.25) && !table.columns.has(name)) table.columns.set(name, newColumn(random, model))
  if (chance(random, 0.2)) table.comment = pick(random, [undefined, 'it says; something'])
  if (chance(random, 0.15)) table.key = pick(random, ['plain', 'identity', 'none'] as const)
  if (chance(random, 0.15)) table.fillfactor = pick(random, [undefined, 70, 90])
  if (chance(random, 0.15) && !table.isPartitioned) table.isUnlogged = !table.isUnlogged
  if (chance(random, 0.2)) table.isGranted = !table.isGranted
  if (chance(random, 0.3)) table.partitions = Math.floor(random() * 3)
}

/** What stands between columns: made anew, so that nothing names what is gone. */
function relate(random: Random, model: SchemaModel): void {
  model.views.clear()
  for (const [name, table] of model.tables) {
    for (const map of [table.checks, table.uniques, table.indexes, table.references, table.policies])
      map.clear()
    table.triggers.clear()
    const columns = [...table.columns]
    for (const [column, { type, isGenerated }] of columns) {
      if (isGenerated) continue
      if (/^(integer|bigint)$/.test(type) && chance(random, 0.3))
        table.checks.set(`${name}_${column}_check`, `"${column}" ${pick(random, ['> 0', '< 1000'])}`)
      if (type !== 'jsonb' && chance(random, 0.3))
        table.indexes.set(`${name}_${column}_idx`, { column, isPartial: chance(random, 0.3) })
      if (type !== 'jsonb' && !table.isPartitioned && chance(random, 0.2))
        table.uniques.set(`${name}_${column}_key`, column)
      if (type === 'bigint' && chance(random, 0.5)) {
        const others = [...model.tables].filter(
          ([, one]) => one.key !== 'none' && !one.isPartitioned && !one.isUnlogged,
        )
        const [to] = others.length > 0 ? pick(random, others) : []
        if (to !== undefined && !table.isPartitioned)
          table.references.set(`${name}_${column}_fkey`, { column, to })
      }
    }
    if (model.functions.has('touch') && chance(random, 0.4))
      table.triggers.add(pick(random, ['before_update', 'on_insert']))
    if (chance(random, 0.3))
      table.policies.set('own_rows', pick(random, ['true', 'CURRENT_USER = SESSION_USER']))
    if (chance(random, 0.5))
      model.views.set(`${name} view`, {
        table: name,
        columns: subset(
          random,
          columns.map(([one]) => one),
          1,
        ),
        isMaterialized: chance(random, 0.3),
      })
  }
}

const quoted = (name: string): string => `"${name}"`

/** The structure as SQL. */
export function schemaSql(model: SchemaModel): string {
  const sql: string[] = []
  for (const [name, labels] of model.enums)
    sql.push(`CREATE TYPE ${quoted(name)} AS ENUM (${labels.map((one) => `'${one}'`).join(', ')})`)
  for (const [name, { check, value }] of model.domains)
    sql.push(
      `CREATE DOMAIN ${quoted(name)} AS integer ${value ? `DEFAULT ${value} ` : ''}CONSTRAINT ${quoted(`${name}_rule`)} CHECK (${check})`,
    )
  for (const [name, { result, body, argument }] of model.functions)
    sql.push(
      `CREATE FUNCTION ${name}(${argument}) RETURNS ${result} LANGUAGE plpgsql AS $$ BEGIN ${body} END $$`,
    )
  for (const [name, { increment }] of model.sequences)
    sql.push(`CREATE SEQUENCE ${name} INCREMENT BY ${increment}`)
  for (const [name, table] of model.tables) sql.push(...tableSql(name, table))
  for (const [name, table] of model.tables)
    for (const [constraint, { column, to }] of table.references)
      sql.push(
        `ALTER TABLE ${quoted(name)} ADD CONSTRAINT ${quoted(constraint)} FOREIGN KEY (${quoted(column)}) REFERENCES ${quoted(to)} ("id")`,
      )
  for (const [name, { table, columns, isMaterialized }] of model.views) {
    const list = columns.map((one) => `${quoted(one)}`).join(', ')
    sql.push(
      `CREATE ${isMaterialized ? 'MATERIALIZED ' : ''}VIEW ${quoted(name)} AS SELECT ${list} FROM ${quoted(table)}`,
    )
  }
  return sql.map((one) => `${one};`).join('\n')
}

function tableSql(name: string, table: TableModel): string[] {
  const key = {
    plain: ['"id" bigint NOT NULL'],
    identity: ['"id" bigint GENERATED ALWAYS AS IDENTITY'],
    none: [],
  }[table.isPartitioned && table.key === 'identity' ? 'plain' : table.key]
  const columns = [...table.columns].map(
    ([column, { type, isNotNull, value }]) =>
      `${quoted(column)} ${type}${value ? ` DEFAULT ${value}` : ''}${isNotNull ? ' NOT NULL' : ''}`,
  )
  const at = table.isPartitioned ? ['"at" date NOT NULL'] : []
  const constraints = [
    ...(table.key !== 'none' && !table.isPartitioned
      ? [`CONSTRAINT ${quoted(`${name}_pkey`)} PRIMARY KEY ("id")`]
      : []),
    ...[...table.checks].map(([one, check]) => `CONSTRAINT ${quoted(one)} CHECK (${check})`),
    ...[...table.uniques].map(([one, column]) => `CONSTRAINT ${quoted(one)} UNIQUE (${quoted(column)})`),
  ]
  const options = table.fillfactor && !table.isPartitioned ? ` WITH (fillfactor = ${table.fillfactor})` : ''
  const sql = [
    `CREATE ${table.isUnlogged && !table.isPartitioned ? 'UNLOGGED ' : ''}TABLE ${quoted(name)} (${[...key, ...columns, ...at, ...constraints].join(', ')})${table.isPartitioned ? ' PARTITION BY RANGE ("at")' : options}`,
  ]
  for (let month = 1; table.isPartitioned && month <= table.partitions; month += 1)
    sql.push(
      `CREATE TABLE ${quoted(`${name}_${month}`)} PARTITION OF ${quoted(name)} FOR VALUES FROM ('2026-0${month}-01') TO ('2026-0${month + 1}-01')`,
    )
  for (const [index, { column, isPartial }] of table.indexes)
    sql.push(
      `CREATE INDEX ${quoted(index)} ON ${quoted(name)} (${quoted(column)})${isPartial ? ` WHERE ${quoted(column)} IS NOT NULL` : ''}`,
    )
  for (const trigger of table.triggers)
    sql.push(
      `CREATE TRIGGER ${trigger} BEFORE ${trigger === 'on_insert' ? 'INSERT' : 'UPDATE'} ON ${quoted(name)} FOR EACH ROW EXECUTE FUNCTION touch()`,
    )
  if (table.policies.size > 0) sql.push(`ALTER TABLE ${quoted(name)} ENABLE ROW LEVEL SECURITY`)
  for (const [policy, using] of table.policies)
    sql.push(`CREATE POLICY ${policy} ON ${quoted(name)} USING (${using})`)
  if (table.comment) sql.push(`COMMENT ON TABLE ${quoted(name)} IS '${table.comment.replaceAll("'", "''")}'`)
  for (const [column, { comment }] of table.columns)
    if (comment) sql.push(`COMMENT ON COLUMN ${quoted(name)}.${quoted(column)} IS '${comment}'`)
  if (table.isGranted) sql.push(`GRANT SELECT, INSERT ON ${quoted(name)} TO PUBLIC`)
  return sql
}
