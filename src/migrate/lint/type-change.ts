/** What changing a column's type does to its table. */
export type TypeChange = 'nothing' | 'rewrite' | 'unknown'

/** A type with the numbers in its parentheses. */
export interface ColumnType {
  /** As PostgreSQL calls it inside: `int4`, `varchar`, `timestamptz`. */
  readonly name: string
  readonly modifiers: readonly number[]
}

/** Names as format_type writes them, to those used inside. */
const INSIDE: Readonly<Record<string, string>> = {
  integer: 'int4',
  bigint: 'int8',
  smallint: 'int2',
  boolean: 'bool',
  real: 'float4',
  'double precision': 'float8',
  'character varying': 'varchar',
  character: 'bpchar',
  'timestamp without time zone': 'timestamp',
  'timestamp with time zone': 'timestamptz',
  'time without time zone': 'time',
  'time with time zone': 'timetz',
  'bit varying': 'varbit',
  decimal: 'numeric',
  int: 'int4',
  char: 'bpchar',
}

/** `character varying(20)`, `timestamp(3) with time zone` as the catalog writes them. */
export function parseType(text: string): ColumnType {
  const match = /^(.*?)\s*\(([\d,\s-]+)\)(.*)$/.exec(text)
  const plain = (match ? `${match[1]}${match[3]}` : text).trim()
  const modifiers = match ? (match[2] as string).split(',').map(Number) : []
  return { name: INSIDE[plain] ?? plain, modifiers }
}

/** Types whose values are stored alike: the cast between them costs nothing (pg_cast, castmethod b). */
const STORED_ALIKE = new Set(
  [
    'varchar text',
    'text varchar',
    'cidr inet',
    'xml text',
    'xml varchar',
    'int4 oid',
    'oid int4',
    'varbit bit',
    'int4 regclass',
    'oid regclass',
    'regclass oid',
    'regclass int4',
    'citext text',
    'text citext',
    'citext varchar',
    'varchar citext',
  ].filter((pair) => pair !== 'varbit bit'),
)

/** Types whose length or precision may grow without touching a value. */
const GROWS = new Set(['varchar', 'varbit', 'time', 'timestamp', 'timestamptz', 'timetz'])

/**
 * Whether ALTER COLUMN TYPE writes the table anew (tablecmds.c, ATColumnChangeRequiresRewrite; the support functions
 * varchar_support, numeric_support, varbit_support, timestamp_support, time_support, interval_support).
 *
 * @param isUtc whether the session's time zone is UTC: only then are timestamp and timestamptz the same numbers
 */
export function typeChange(from: ColumnType | undefined, to: ColumnType, isUtc = false): TypeChange {
  if (from === undefined) return 'unknown'
  if (from.name === to.name) return sameType(from, to)
  const pair = `${from.name} ${to.name}`
  if (STORED_ALIKE.has(pair)) {
    // A length that is new has to be looked at in every row; text has none to begin with.
    if (to.modifiers.length === 0) return 'nothing'
    return from.name === 'varchar' && to.name === 'varchar' ? sameType(from, to) : 'rewrite'
  }
  if (isUtc && (pair === 'timestamp timestamptz' || pair === 'timestamptz timestamp')) {
    // With a precision a second cast follows, and the server writes anew.
    return to.modifiers.length === 0 ? 'nothing' : 'rewrite'
  }
  return 'rewrite'
}

function sameType(from: ColumnType, to: ColumnType): TypeChange {
  if (to.modifiers.length === 0) return 'nothing'
  if (
    from.modifiers.length === to.modifiers.length &&
    from.modifiers.every((one, at) => one === to.modifiers[at])
  )
    return 'nothing'
  if (from.modifiers.length === 0) return atMost(to) ? 'nothing' : 'rewrite'
  const [a = 0, b = 0] = from.modifiers
  const [c = 0, d = 0] = to.modifiers
  if (from.name === 'numeric') return b === d && c >= a ? 'nothing' : 'rewrite'
  if (from.name === 'interval') return 'unknown'
  return GROWS.has(from.name) && c >= a ? 'nothing' : 'rewrite'
}

/** Microseconds are all there is: a precision of six is none. */
const atMost = ({ name, modifiers: [precision = 0] }: ColumnType): boolean =>
  /^time(stamp)?(tz)?$/.test(name) && precision >= 6
