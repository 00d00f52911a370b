import { readInt16, readInt32 } from './frames.ts'

/** A column of a result, as the driver describes it. */
export interface Field {
  name: string
  tableID: number
  columnID: number
  dataTypeID: number
  dataTypeSize: number
  dataTypeModifier: number
  format: 'text' | 'binary'
}

/** Where the parsers of types are found: a client, `pg.types`, or what a caller brings. */
export interface TypeParsers {
  getTypeParser(oid: number, format: 'text'): (text: string) => unknown
}

/** What a statement returns: its columns. Kept with a prepared statement, so that it is told only once. */
export class RowShape {
  readonly fields: readonly Readonly<Field>[]
  /** A row with every column in its place; rows are copies of it. */
  readonly #blank: Record<string, unknown>

  constructor(fields: Field[]) {
    this.fields = fields
    // A column may be named __proto__: on an object with a prototype that would not be a column.
    const blank = Object.create(null) as Record<string, unknown>
    for (const { name } of fields) blank[name] = null
    this.#blank = { ...blank }
  }

  /** The columns for one caller, who may do with them what they like. */
  describe(): Field[] {
    return this.fields.map((field) => ({ ...field }))
  }

  /** Whether it has the same columns of the same types. */
  equals({ fields }: RowShape): boolean {
    return (
      fields.length === this.fields.length &&
      fields.every(({ name, dataTypeID, dataTypeModifier }, index) => {
        const own = this.fields[index] as Field
        return own.name === name && own.dataTypeID === dataTypeID && own.dataTypeModifier === dataTypeModifier
      })
    )
  }

  parsers(types: TypeParsers): ((text: string) => unknown)[] {
    return this.fields.map(({ dataTypeID }) => types.getTypeParser(dataTypeID, 'text'))
  }

  /** A row as an object. @param at where the column count of the DataRow message stands. */
  readObject(bytes: Buffer, at: number, parsers: readonly ((text: string) => unknown)[]): object {
    const row = { ...this.#blank }
    const { fields } = this
    let from = at + 2
    for (let index = 0; index < fields.length; index += 1) {
      const length = readInt32(bytes, from)
      from += 4
      const { name } = fields[index] as Field
      if (length < 0) {
        row[name] = null // a later column of the same name wins, also with NULL
      } else {
        row[name] = (parsers[index] as (text: string) => unknown)(bytes.toString('utf8', from, from + length))
        from += length
      }
    }
    return row
  }

  /** A row as an array of its columns. */
  readArray(bytes: Buffer, at: number, parsers: readonly ((text: string) => unknown)[]): unknown[] {
    const row: unknown[] = []
    let from = at + 2
    for (let index = 0; index < parsers.length; index += 1) {
      const length = readInt32(bytes, from)
      from += 4
      if (length < 0) {
        row.push(null)
      } else {
        row.push((parsers[index] as (text: string) => unknown)(bytes.toString('utf8', from, from + length)))
        from += length
      }
    }
    return row
  }
}

/** Reads a ParameterDescription: the types. @param at where their count stands. */
export function readTypes(bytes: Buffer, at: number): number[] {
  return Array.from(
    { length: readInt16(bytes, at) & 0xffff },
    (_, index) => readInt32(bytes, at + 2 + 4 * index) >>> 0,
  )
}

/** What statements without rows return. */
export const NO_ROWS = new RowShape([])

/** Reads a RowDescription. @param at where its column count stands. */
export function readShape(bytes: Buffer, at: number): RowShape {
  const fields: Field[] = []
  let from = at + 2
  for (let left = readInt16(bytes, at); left > 0; left -= 1) {
    const nameEnd = bytes.indexOf(0, from)
    const rest = nameEnd + 1
    fields.push({
      name: bytes.toString('utf8', from, nameEnd),
      tableID: readInt32(bytes, rest) >>> 0,
      columnID: readInt16(bytes, rest + 4),
      dataTypeID: readInt32(bytes, rest + 6) >>> 0,
      dataTypeSize: readInt16(bytes, rest + 10),
      dataTypeModifier: readInt32(bytes, rest + 12),
      format: readInt16(bytes, rest + 16) === 0 ? 'text' : 'binary',
    })
    from = rest + 18
  }
  return new RowShape(fields)
}
