import { systemClock } from '../../core/index.ts'
import {
  type FedReading,
  growthOf,
  linesOf,
  type Middle,
  ratesBetween,
  type Reader,
  readLockTree,
  readMiddle,
  readNow,
  readSessions,
  type SessionPicture,
  sortedBy,
  StatementFeed,
  type StatementOrder,
  type StatementTotals,
  type Values,
} from '../../monitor/index.ts'

/** What one statement did since the picture before. */
export type TopStatement = StatementTotals & { readonly id: string | null; readonly text: string }

/** What goes on, and what happened since the picture before. */
export interface TopPicture {
  readonly at: Date
  /** Since the picture before; rates are not known in the first. */
  readonly seconds: number
  readonly values: Values
  readonly sessions: readonly SessionPicture[]
  /** Sessions that wait for a lock, by pid: whom they wait for. */
  readonly blockedBy: ReadonlyMap<number, number | null>
  /** Null: there are no statistics of statements. */
  readonly statements: readonly TopStatement[] | null
}

const MOST_SESSIONS = 500
const MOST_STATEMENTS = 100

/** Takes pictures, one after another. */
export class TopCamera {
  readonly #reader: Reader
  readonly #feed: StatementFeed
  #middle: Middle | undefined
  #fed: FedReading | undefined

  constructor(reader: Reader) {
    this.#reader = reader
    this.#feed = new StatementFeed(reader, systemClock)
  }

  /** @throws HF_MONITOR_BUSY, the pool's errors */
  async take(order: StatementOrder): Promise<TopPicture> {
    const before = this.#middle
    const middle = await readMiddle(this.#reader, systemClock.monotonicMs())
    this.#middle = middle
    const rates = before ? ratesBetween(before, middle) : {}
    const lines = linesOf(await readLockTree(this.#reader))
    return {
      at: new Date(),
      seconds: before ? (middle.atMs - before.atMs) / 1_000 : 0,
      values: { ...(await readNow(this.#reader)), ...middle.values, ...rates },
      sessions: await readSessions(this.#reader, MOST_SESSIONS),
      blockedBy: new Map(
        lines.flatMap(({ session, behind, wants }) =>
          session && wants ? [[session.pid, behind] as const] : [],
        ),
      ),
      statements: await this.#statements(order),
    }
  }

  async #statements(order: StatementOrder): Promise<TopStatement[] | null> {
    const before = this.#fed
    const fed = await this.#feed.read(0)
    this.#fed = fed
    if (!fed) return null
    if (!before) return []
    const uses = [...growthOf(before.reading, fed.reading)].map(([id, totals]) => ({ id, ...totals }))
    const top = sortedBy(order, uses).slice(0, MOST_STATEMENTS)
    const texts = await this.#feed.readTexts(
      fed,
      top.flatMap(({ id }) => id ?? []),
    )
    return top.map((one) => ({ ...one, text: texts.get(one.id ?? '') ?? 'not for this role' }))
  }
}
