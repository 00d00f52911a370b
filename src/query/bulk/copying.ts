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
  #stored = 0

  constructor(trx: Transaction<any>) {
    this.#trx = trx
  }

  /** How many rows the server has stored, those of the COPY that runs left out. */
  get stored(): number {
    return this.#stored
  }

  async send({ statement, pieces }: Copied): Promise<void> {
    if (this.#statement !== statement) {
      await this.end()
      await this.#begin(statement)
    }
    for (const piece of pieces) await this.#write(piece)
    await nextTurn() // a refusal may have come: a source that never waits would not let it in
  }

  /** Resolves when the server has taken everything. */
  async end(): Promise<void> {
    const stream = this.#stream
    if (!stream) return
    if (!this.#hasFailed) stream.end()
    await this.#finished
    this.#stream = undefined
    this.#statement = undefined
    this.#stored += stream.rowCount
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
