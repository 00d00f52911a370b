import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Transaction } from 'kysely'
import { type CopyStreamQuery, from as copyFrom } from 'pg-copy-streams'
import { connectionOf } from '../transaction.ts'

/** One COPY and some of its rows, in pieces. */
export interface Copied {
  readonly statement: string
  readonly pieces: readonly string[]
}

/** The COPY that runs: as long as the statement stays the same it goes on, and the server reads while rows are written. */
export class Copying {
  readonly #trx: Transaction<any>
  #statement: string | undefined
  #stream: CopyStreamQuery | undefined
  #finished: Promise<void> | undefined
  #hasFailed = false

  constructor(trx: Transaction<any>) {
    this.#trx = trx
  }

  /** @returns how many rows an earlier COPY stored, when this one ended it */
  async send({ statement, pieces }: Copied): Promise<number> {
    const isSame = this.#statement === statement
    const stored = isSame ? 0 : await this.end()
    if (!isSame) await this.#begin(statement)
    for (const piece of pieces) await this.#write(piece)
    await nextTurn() // a refusal may have come: a source that never waits would not let it in
    return stored
  }

  /** Resolves when the server has taken everything, to how many rows it stored. */
  async end(): Promise<number> {
    const stream = this.#stream
    if (!stream) return 0
    if (!this.#hasFailed) stream.end()
    await this.#finished
    this.#stream = undefined
    this.#statement = undefined
    return stream.rowCount
  }

  /** Nothing more comes: the server is told, so that it takes the ROLLBACK that follows. */
  async abandon(): Promise<void> {
    if (!this.#hasFailed) this.#stream?.destroy()
    await this.#finished?.catch(() => {}) // why is known
  }

  async #begin(statement: string): Promise<void> {
    const client = await (await connectionOf(this.#trx)).client()
    const stream = client.query(copyFrom(statement))
    this.#stream = stream
    this.#statement = statement
    this.#finished = finished(stream)
    this.#finished.catch(() => (this.#hasFailed = true)) // told by whoever waits next
  }

  /** @throws what the server said, whatever the stream makes of it */
  async #write(piece: string): Promise<void> {
    if (this.#hasFailed) await this.#finished
    const stream = this.#stream as CopyStreamQuery
    // What failed does not drain: `finished` tells why.
    if (!stream.write(piece)) await Promise.race([once(stream, 'drain').catch(() => {}), this.#finished])
    if (this.#hasFailed) await this.#finished
  }
}
