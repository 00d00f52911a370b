import type { WireValue } from './outbox.ts'
import type { Prepared } from './prepared.ts'
import { type Field, NO_ROWS, type RowShape, type TypeParsers } from './row-shape.ts'

/** What a statement gave, with the driver's names. */
export interface WireResult {
  command: string | null
  rowCount: number | null
  oid: number | null
  rows: unknown[]
  fields: Field[]
}

/** One statement to be run. */
export interface StatementCall {
  readonly text: string
  /** Ready for the wire: no code of the caller runs while messages are written. */
  readonly values: readonly WireValue[]
  readonly isArrayMode: boolean
  /** The caller's own parsers of types; undefined for the connection's. */
  readonly types: TypeParsers | undefined
  /** Whether the server may keep it under a name. */
  readonly isNamed: boolean
  /** Goes behind the text, unless the server keeps it under a name. */
  readonly comment?: string | undefined
  /** COMMIT and its like: without values and rows, cheapest over the simple protocol. */
  readonly isControl?: boolean
  /** Whoever asked has an answer already: it must not be sent again. */
  readonly isSettled?: boolean
  /** A BEGIN that goes ahead under the same Sync: when it fails, the statement is skipped. */
  readonly begin?: string | undefined
  /**
   * The BEGIN of the transaction that it is in, where nothing was done in that but look: when what it names is out of date, the
   * transaction begins anew with it.
   */
  readonly restart?: string | undefined
  /** It is prepared and described, and not run. */
  readonly isProbe?: boolean
  /** Whether the server may keep the BEGIN under a name: not behind a pooler, where the next server may know another by it. */
  readonly isBeginNamed?: boolean
}

/** What is known of the answer to a statement that was sent. */
export class Exchange {
  readonly call: StatementCall
  /** Is told when everything is there; runs while the connection reads on, and must not throw. */
  readonly answered: (exchange: Exchange) => void
  prepared: Prepared | undefined
  /** The prepared statement of the BEGIN ahead of it, where it has a name. */
  preparedBegin: Prepared | undefined
  /** It carries the Parse of its prepared statement. */
  parses = false
  shape: RowShape | undefined
  parsers: ((text: string) => unknown)[] | undefined
  error: Error | undefined
  rows: unknown[] = []
  /** Answers that come before its own: those of the BEGIN ahead of it, and of a ROLLBACK ahead of that. */
  tagsAhead: number
  /** It was sent a second time. */
  isRepeated = false
  /** Which run of its prepared statement it is; 0 where it has none. */
  run = 0
  #tag: string | undefined

  constructor(call: StatementCall, answered: (exchange: Exchange) => void) {
    this.call = call
    this.answered = answered
    this.tagsAhead = call.begin === undefined ? 0 : 1
  }

  /** The BEGIN that goes ahead of it this time. */
  get begin(): string | undefined {
    return this.call.begin ?? (this.isRepeated ? this.call.restart : undefined)
  }

  /** Forgets the answer, so that it can be sent once more. */
  repeat(): void {
    this.prepared = undefined
    this.parses = false
    this.shape = undefined
    this.parsers = undefined
    this.error = undefined
    this.rows = []
    this.isRepeated = true
    this.tagsAhead = this.begin === undefined ? 0 : 1
    this.run = 0
  }

  addRow(bytes: Buffer, at: number, own: TypeParsers): void {
    if (this.error) return
    const shape = this.shape as RowShape
    try {
      this.parsers ??= shape.parsers(this.call.types ?? own)
      this.rows.push(
        this.call.isArrayMode
          ? shape.readArray(bytes, at, this.parsers)
          : shape.readObject(bytes, at, this.parsers),
      )
    } catch (error) {
      // A parser of the caller's. What it throws need not be an error, nor anything.
      this.error = (error as Error | null | undefined) ?? new Error('a type parser threw nothing')
    }
  }

  complete(tag: string): void {
    if (this.tagsAhead > 0) this.tagsAhead -= 1
    else this.#tag = tag
  }

  result(): WireResult {
    return { ...readTag(this.#tag), rows: this.rows, fields: (this.shape ?? NO_ROWS).describe() }
  }
}

/** `SELECT 5`, `INSERT 0 1`, `CREATE TABLE`: the command, and its numbers as the driver reads them. */
function readTag(tag: string | undefined): Pick<WireResult, 'command' | 'rowCount' | 'oid'> {
  if (tag === undefined) return { command: null, rowCount: null, oid: null }
  const [command = '', first, second] = tag.split(' ')
  const number = Number(first)
  if (first === undefined || Number.isNaN(number)) return { command, rowCount: null, oid: null }
  return second === undefined
    ? { command, rowCount: number, oid: null }
    : { command, rowCount: Number(second), oid: number }
}
