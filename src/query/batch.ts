import DataLoader from 'dataloader'

/** Where a {@link Batch} gets rows from: by their keys, many in one statement. */
export interface BatchSource<Key, Row> {
  /** The rows of these keys, each with the key that it belongs to, in any order. */
  readonly load: (keys: readonly Key[]) => Promise<readonly (readonly [key: Key, row: Row])[]>
}

/** Keys in one statement. */
const MOST_KEYS = 1_000

/**
 * Loads rows for one request: what is asked for in one turn of the event loop becomes one statement, and what was
 * loaded once is not loaded again. That ends "one query for the list, and one for each of its rows". Made anew for
 * each request: it remembers.
 *
 * @example
 * const batch = new Batch()
 * const authors = await Promise.all(documents.map(({ author_id }) => batch.one(users.by('id'), author_id)))
 */
export class Batch {
  readonly #loaders = new Map<BatchSource<any, any>, DataLoader<unknown, unknown[]>>()

  /** The row of this key; undefined when there is none, or no key. The first, when there are several. */
  async one<Key, Row>(source: BatchSource<Key, Row>, key: Key | null | undefined): Promise<Row | undefined> {
    const [row] = await this.many(source, key)
    return row
  }

  /** All rows of this key. */
  async many<Key, Row>(source: BatchSource<Key, Row>, key: Key | null | undefined): Promise<Row[]> {
    if (key === null || key === undefined) return []
    return [...((await this.#loaderOf(source).load(key)) as Row[])]
  }

  /** Forgets what was loaded: from one source, or from all. After a write that the rest of the request must see. */
  clear(source?: BatchSource<any, any>): void {
    if (source) this.#loaders.delete(source)
    else this.#loaders.clear()
  }

  #loaderOf(source: BatchSource<any, any>): DataLoader<unknown, unknown[]> {
    const known = this.#loaders.get(source)
    if (known) return known
    const made = new DataLoader<unknown, unknown[], unknown>(
      async (keys) => {
        const byKey = Map.groupBy(await source.load(keys), ([key]) => identityOf(key))
        return keys.map((key) => (byKey.get(identityOf(key)) ?? []).map(([, row]) => row))
      },
      { maxBatchSize: MOST_KEYS, cacheKeyFn: identityOf },
    )
    this.#loaders.set(source, made)
    return made
  }
}

/** Dates and buffers are equal when their contents are; a bigint that came as text is the number that was asked for. */
function identityOf(key: unknown): unknown {
  if (key instanceof Date) return key.toISOString()
  if (key instanceof Uint8Array) return Buffer.from(key).toString('hex')
  return typeof key === 'object' && key !== null ? JSON.stringify(key) : String(key)
}
