import { createHash } from 'node:crypto'
import { cursorForeign, cursorInvalid } from '../errors.ts'
import type { CursorKeys } from './cursor-keys.ts'

/** A place in an ordered list: between two rows, next to the row whose order values are these. */
export interface Position {
  /** What the row had for each term of the order, as PostgreSQL writes it. */
  readonly values: readonly (string | null)[]
  /** The row itself lies on the far side: it belongs to the page that begins here. */
  readonly isInclusive: boolean
}

/** The cursors of one list: those of another are refused. */
export class PositionSealer {
  readonly #keys: CursorKeys
  readonly #list: string

  /** @param list whatever tells this list from others. */
  constructor(keys: CursorKeys, list: string) {
    this.#keys = keys
    this.#list = createHash('sha256').update(list).digest('base64url').slice(0, 12)
  }

  seal({ values, isInclusive }: Position): string {
    return this.#keys.seal(JSON.stringify([this.#list, isInclusive ? 1 : 0, ...values]))
  }

  /** @throws HF_CURSOR_INVALID, HF_CURSOR_EXPIRED, HF_CURSOR_FOREIGN */
  open(cursor: unknown): Position {
    const [list, isInclusive, ...values] = read(this.#keys.open(cursor))
    if (list !== this.#list) throw cursorForeign()
    return { values: values as (string | null)[], isInclusive: isInclusive === 1 }
  }
}

/** The seal proves that it was written here; something else of ours may have been sealed with the same keys. */
function read(text: string): readonly unknown[] {
  try {
    const parts: unknown = JSON.parse(text)
    if (Array.isArray(parts)) return parts
  } catch {
    // Told below.
  }
  throw cursorInvalid()
}
