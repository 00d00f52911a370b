import type { Position } from './period.ts'

/** What a partition key can be, and how a place on it is written. */
export interface KeyKind {
  /** Whether places are times or whole numbers. */
  readonly is: 'time' | 'integer'
  /** It has no hours. */
  readonly isOfDays?: boolean
  /** A place as the text of a bound. Throws a RangeError for what the type cannot hold. */
  readonly write: (at: Position) => string
  /** The place that a bound's text is; undefined for what lies between two places, or is none. */
  readonly read: (text: string) => Position | undefined
  /** The place at or before a value's text; undefined for infinity, and where there is none. */
  readonly floor: (text: string) => Position | undefined
}

const isoOf = (at: Position): string => new Date(Number(at)).toISOString().slice(0, 23).replace('T', ' ')

/** Bounds as PostgreSQL prints them in UTC with ISO dates. */
function readTime(text: string): Position | undefined {
  return /\.\d{4}/.test(text) ? undefined : floorTime(text)
}

function floorTime(text: string): Position | undefined {
  const match = /^(\d{4,})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,3})\d*)?)?(?:\+00)?$/.exec(text)
  if (!match) return undefined
  const [, year, month, day, hour = '00', minute = '00', second = '00', part = '0'] = match
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  date.setUTCHours(Number(hour), Number(minute), Number(second), Number(part.padEnd(3, '0')))
  return BigInt(date.getTime())
}

const times = { is: 'time', read: readTime, floor: floorTime } as const
const timestamptz: KeyKind = { ...times, write: (at) => `${isoOf(at)}+00` }
const timestamp: KeyKind = { ...times, write: isoOf }
const date: KeyKind = { ...times, isOfDays: true, write: (at) => isoOf(at).slice(0, 10) }

const readInteger = (text: string): Position | undefined => (/^-?\d+$/.test(text) ? BigInt(text) : undefined)

const integerWithin = (least: bigint, greatest: bigint): KeyKind => ({
  is: 'integer',
  write(at) {
    if (at < least || at > greatest) throw new RangeError(`${at} does not fit the key`)
    return String(at)
  },
  read: readInteger,
  floor: readInteger,
})

/** RFC 9562, section 5.7: the first 48 bits are the milliseconds since 1970. */
const uuidv7: KeyKind = {
  is: 'time',
  write(at) {
    if (at < 0n || at >= 1n << 48n) throw new RangeError(`${at} does not fit a UUIDv7`)
    const hex = at.toString(16).padStart(12, '0')
    return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
  },
  read(text) {
    return text.endsWith('-0000-0000-000000000000') ? uuidv7.floor(text) : undefined
  },
  floor(text) {
    const match = /^([\da-f]{8})-([\da-f]{4})-/i.exec(text)
    return match ? BigInt(`0x${match[1]}${match[2]}`) : undefined
  },
}

/** Crockford's base 32: in its order of letters, which is that of their codes. */
const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const ULID_TIME_LETTERS = 10
const ULID_LETTERS = 26

/** Ten letters of milliseconds, sixteen of chance. Only right where letters are compared by their codes (COLLATE "C"). */
const ulid: KeyKind = {
  is: 'time',
  write(at) {
    if (at < 0n || at >= 1n << 48n) throw new RangeError(`${at} does not fit a ULID`)
    let text = ''
    for (let rest = at; text.length < ULID_TIME_LETTERS; rest >>= 5n)
      text = LETTERS[Number(rest & 31n)] + text
    return text.padEnd(ULID_LETTERS, '0')
  },
  read(text) {
    return /0{16}$/.test(text) ? ulid.floor(text) : undefined
  },
  floor(text) {
    if (!/^[0-7][\dA-HJKMNP-TV-Z]{25}$/.test(text)) return undefined
    let at = 0n
    for (const letter of text.slice(0, ULID_TIME_LETTERS)) at = at * 32n + BigInt(LETTERS.indexOf(letter))
    return at
  },
}

const BITS = { int2: 16n, int4: 32n, int8: 64n } as const

/** The kind of a key by its type's name inside (`timestamptz`, `int8`); undefined where it cannot be one. */
export function keyKindOf(type: string): KeyKind | undefined {
  if (type === 'timestamptz') return timestamptz
  if (type === 'timestamp') return timestamp
  if (type === 'date') return date
  if (type === 'uuid') return uuidv7
  if (type === 'text' || type === 'varchar' || type === 'bpchar') return ulid
  if (type === 'int2' || type === 'int4' || type === 'int8') {
    const half = 1n << (BITS[type] - 1n)
    return integerWithin(-half, half - 1n)
  }
  return undefined
}
