import { quoteQualified } from '../core/index.ts'
import type { KeptAt } from '../monitor/index.ts'
import type { Channel } from './channels/channel.ts'
import type { Notification } from './notification.ts'

/** One thing to be told through one channel. */
export interface Delivery {
  readonly id: string
  readonly channel: Channel['name']
  /** The alert that it is about; null for a digest. */
  readonly alert: string | null
  /** What is told once only, by whoever comes first; null otherwise. */
  readonly topic: string | null
  readonly notification: Notification
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly attempts: number
}

/** What is waiting, or was given up, and why. */
export interface Unsent extends Omit<Delivery, 'topic'> {
  readonly error: string | null
  readonly failedAt: number | null
}

/** What came of an attempt. */
export type Outcome =
  { readonly kind: 'delivered' } | { readonly kind: 'waits' | 'failed'; readonly error: string }

const at = (parameter: number): string => `to_timestamp($${parameter}::float8 / 1000)`
const COLUMNS = `id, channel, alert, topic, notification, attempts, (extract(epoch FROM created_at) * 1000)::float8 AS "createdAt"`
const OPEN = 'delivered_at IS NULL AND failed_at IS NULL'
const MOST_TAKEN = 100

/** What is to be told, written down until it is. */
export class DeliveryStore {
  readonly #place: KeptAt

  constructor(place: KeptAt) {
    this.#place = place
  }

  /** @returns false where somebody else has the same topic */
  async put(delivery: Delivery, heldUntil: number): Promise<boolean> {
    const { id, channel, alert, topic, notification, createdAt, attempts } = delivery
    const { rowCount } = await this.#query(
      `INSERT INTO ${this.#table} (source, id, channel, alert, topic, notification, created_at, attempts, held_until)
       VALUES ($1, $2, $3, $4, $5, $6, ${at(7)}, $8, ${at(9)}) ON CONFLICT DO NOTHING`,
      [id, channel, alert, topic, JSON.stringify(notification), createdAt, attempts, heldUntil],
    )
    return rowCount === 1
  }

  /** What came of an attempt. */
  async settle({ id, attempts }: Delivery, outcome: Outcome, nowMs: number): Promise<void> {
    const endedAt = outcome.kind === 'waits' ? null : nowMs
    await this.#query(
      `UPDATE ${this.#table} SET attempts = $3, error = $4, delivered_at = CASE WHEN $5 = 'delivered' THEN ${at(6)} END,
                                 failed_at = CASE WHEN $5 = 'failed' THEN ${at(6)} END
        WHERE source = $1 AND id = $2`,
      [id, attempts, outcome.kind === 'delivered' ? null : outcome.error, outcome.kind, endedAt],
    )
  }

  /** Says that somebody is still at these. */
  async hold(ids: readonly string[], until: number): Promise<void> {
    if (ids.length === 0) return
    await this.#query(
      `UPDATE ${this.#table} SET held_until = ${at(3)} WHERE source = $1 AND id = ANY ($2::uuid[]) AND ${OPEN}`,
      [ids, until],
    )
  }

  /** Takes over what nobody is at any more. */
  async take(channels: readonly string[], nowMs: number, until: number): Promise<Delivery[]> {
    const { rows } = await this.#query<Delivery>(
      `UPDATE ${this.#table} SET held_until = ${at(4)}
        WHERE id IN (SELECT id FROM ${this.#table} WHERE source = $1 AND channel = ANY ($2) AND held_until < ${at(3)} AND ${OPEN}
                      ORDER BY id LIMIT ${MOST_TAKEN} FOR UPDATE SKIP LOCKED) RETURNING ${COLUMNS}`,
      [channels, nowMs, until],
    )
    return rows.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** What waits, and what was given up lately; the latest first. */
  async unsent(limit: number): Promise<Unsent[]> {
    const { rows } = await this.#query<Unsent>(
      `SELECT ${COLUMNS}, error, (extract(epoch FROM failed_at) * 1000)::float8 AS "failedAt" FROM ${this.#table}
        WHERE source = $1 AND delivered_at IS NULL ORDER BY id DESC LIMIT $2`,
      [limit],
    )
    return rows
  }

  get #table(): string {
    return quoteQualified(this.#place.schema, 'alert_deliveries')
  }

  /** The source is the first value of each. */
  #query<Row extends object>(
    text: string,
    values: unknown[],
  ): Promise<{ rows: Row[]; rowCount: number | null }> {
    const { db, source } = this.#place
    return db.query<Row & Record<string, unknown>>(text, [source, ...values])
  }
}
