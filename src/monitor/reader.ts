import {
  type Clock,
  NAMED_RELATIONS,
  type NamedRelation,
  OWN_PATH,
  ownersHand,
  type QueryResultRow,
  type Queryable,
  isNoName,
  quoteIdentifier,
  SQLSTATE,
  sqlstateOf,
  within,
} from '../core/index.ts'
import {
  certificatesOf,
  type Pool,
  type PoolHealth,
  type PooledClient,
  type ConnectionCertificate,
} from '../pool/index.ts'
import { readingBusy, tableUnknown } from './errors.ts'

/** Longest wait for somebody's lock: what is looked at must not queue behind those who work. */
const LOCK_TIMEOUT_MS = 50
/** What the server itself ends; the network is given a second more. */
const STATEMENT_TIMEOUT_MS = 5_000
const NETWORK_MS = 1_000
/** How long one of our own connections, beside the pool that is looked at, is waited for. */
const CONNECT_MS = STATEMENT_TIMEOUT_MS + NETWORK_MS
const CONNECTIONS = {
  size: 1,
  overflow: 2,
  acquireTimeoutMs: CONNECT_MS,
  connectTimeoutMs: CONNECT_MS,
} as const

/** With nothing in the path but the catalog, no function or operator that another role made is called for one of PostgreSQL's. */
const SAFE_PATH = `; SET LOCAL search_path = ${OWN_PATH}`
/** Local to one transaction, so that nothing of it stays behind, also not behind a pooler. */
const guard = (timeoutMs: number, mode: 'READ ONLY' | 'READ WRITE' = 'READ ONLY'): string =>
  `BEGIN ${mode}; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}; SET LOCAL statement_timeout = ${timeoutMs}`

/**
 * Reads what monitoring shows. On up to three connections of its own, so that a pool which is used up can still be
 * looked at and looking takes nothing from it; each statement in a read-only transaction that waits for no lock and
 * has an end, also when the network is silent.
 */
export class Reader implements Queryable {
  readonly #watched: Pool
  readonly #own: Pool
  readonly #clock: Clock
  readonly #timeoutMs: number

  /** @param watched the pool whose database is read. @param timeoutMs what a statement may take; default 5 s */
  constructor(watched: Pool, clock: Clock, timeoutMs = STATEMENT_TIMEOUT_MS) {
    this.#watched = watched
    this.#timeoutMs = timeoutMs
    this.#own = watched.sibling({ ...CONNECTIONS, allowExitOnIdle: true })
    this.#clock = clock
  }

  /** @throws HF_MONITOR_BUSY, the pool's and the driver's errors */
  query<Row extends QueryResultRow = QueryResultRow>(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: Row[]; rowCount: number | null }> {
    return this.#read<Row>(guard(this.#timeoutMs) + SAFE_PATH, text, values)
  }

  /**
   * The relations that people mean by names, qualified or not: null where there is none.
   * @throws HF_MONITOR_BUSY, the pool's and the driver's errors; of a name that is none, the server's 42602
   */
  async relationsNamed(names: readonly string[]): Promise<(NamedRelation | null)[]> {
    const { rows } = await this.#read<{ [Key in keyof NamedRelation]: NamedRelation[Key] | null }>(
      guard(this.#timeoutMs),
      NAMED_RELATIONS,
      [names],
    )
    return rows.map((row) => (row.oid === null ? null : (row as NamedRelation)))
  }

  /**
   * The qualified name of the relation that people mean by a name; the name itself where there is none, for whoever looks
   * for it to say so.
   * @throws HF_MONITOR_BUSY, the pool's and the driver's errors
   */
  async qualified(name: string): Promise<string> {
    try {
      const [found] = await this.relationsNamed([name])
      return found?.sql ?? name
    } catch (error) {
      // Of too many parts, or none at all: taken whole, it is a name, and of nothing.
      if (isNoName(error)) return quoteIdentifier(name === '' ? ' ' : name)
      throw error
    }
  }

  /**
   * Reads rows of a table with the rights of its owner alone: reading works out indexes' expressions and constraints, which are the
   * owner's code. @param relations all that the text reads, in full; the first one's owner is the one that counts
   * @throws HF_TABLE_OWNERS, HF_MONITOR_TABLE_UNKNOWN; as {@link query}; the server's 42501 where this role may not act as the owner, 25006 on a standby where it would have to
   */
  async rowsAs<Row extends QueryResultRow>(relations: readonly string[], text: string): Promise<Row[]> {
    const session = { isSpent: false }
    const read = async (client: PooledClient): Promise<Answer<Row>> => {
      const hand = await ownersHand(client, relations)
      if (!hand) throw tableUnknown(relations.join(', '))
      // Prepared statements, locks and settings of the owner's code would meet the next query of this session.
      session.isSpent = hand.isConfined
      await client.query('SET TRANSACTION READ ONLY')
      const rows = await hand.rows<Row>(text)
      return { rows, rowCount: rows.length }
    }
    const begin = guard(this.#timeoutMs, 'READ WRITE') + SAFE_PATH
    return (await this.#run((client) => guarded(client, begin, read), session)).rows
  }

  #read<Row extends QueryResultRow>(
    begin: string,
    text: string,
    values: unknown[] | undefined,
  ): Promise<Answer<Row>> {
    if (values !== undefined && values.length > 0)
      return this.#run((client) => guarded(client, begin, () => client.query<Row>(text, values)))
    // Without values all of it is one message, and one way there and back.
    return this.#run(async (client) => {
      const sent = client.query(`${begin};\n${text}\n; COMMIT`).catch(async (error: unknown) => {
        await client.query('ROLLBACK').catch(() => undefined)
        throw error
      })
      return ((await sent) as unknown as Answer<Row>[]).at(-2) as Answer<Row>
    })
  }

  async #run<Row extends QueryResultRow>(
    work: (client: PooledClient) => Promise<Answer<Row>>,
    session: { readonly isSpent: boolean } = { isSpent: false },
  ): Promise<Answer<Row>> {
    const client = await this.#connect()
    const limitMs = this.#timeoutMs + NETWORK_MS
    const late = (): Error => readingBusy(`no answer within ${limitMs / 1_000} s`)
    try {
      const answer = await within(this.#clock, limitMs, work(client), late)
      client.release(session.isSpent)
      return answer
    } catch (error) {
      // The server ended the statement and the session is fine; everything else may have left it anyhow.
      const reason = this.#reasons[sqlstateOf(error) ?? '']
      client.release(sqlstateOf(error) === undefined ? (error as Error) : session.isSpent)
      throw reason === undefined ? error : readingBusy(reason, error)
    }
  }

  /** Whether the database answers, whatever the pool that is looked at is busy with. */
  async probe(timeoutMs: number): Promise<PoolHealth> {
    const health = await this.#own.health(timeoutMs)
    return sqlstateOf(health.error) === SQLSTATE.tooManyConnections ? this.#watched.health(timeoutMs) : health
  }

  /** What encrypted connections depend on; nothing where they are not encrypted. */
  async certificates(): Promise<ConnectionCertificate[]> {
    using client = await this.#connect()
    return certificatesOf(client)
  }

  end(): Promise<void> {
    return this.#own.end({ timeoutMs: 1_000 })
  }

  get #reasons(): Readonly<Record<string, string>> {
    return {
      [SQLSTATE.lockNotAvailable]: 'somebody holds a lock on what is read',
      [SQLSTATE.queryCanceled]: `it took longer than ${this.#timeoutMs / 1_000} s`,
    }
  }

  /** Where the server has no room for another connection, one of the pool's has to do. */
  async #connect(): Promise<PooledClient> {
    try {
      return await this.#own.connect()
    } catch (error) {
      if (sqlstateOf(error) !== SQLSTATE.tooManyConnections) throw error
      return this.#watched.connect({ signal: AbortSignal.timeout(CONNECT_MS) })
    }
  }
}

interface Answer<Row> {
  readonly rows: Row[]
  readonly rowCount: number | null
}

async function guarded<Row extends QueryResultRow>(
  client: PooledClient,
  begin: string,
  work: (client: PooledClient) => Promise<Answer<Row>>,
): Promise<Answer<Row>> {
  await client.query(begin)
  try {
    const result = await work(client)
    await client.query('COMMIT')
    return result
  } catch (error) {
    // Why it failed is what counts; a session that cannot even roll back is closed on release.
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}
