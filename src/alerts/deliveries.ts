import type { Channel } from './channels/channel.ts'
import { at, KeptTables, ms } from './kept.ts'
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
  /** {@link sealOf}; null of a channel without a secret. */
  readonly seal: string | null
}

/** What is waiting, or was given up, and why. */
export interface Unsent extends Omit<Delivery, 'topic' | 'seal'> {
  readonly error: string | null
  readonly failedAt: number | null
}

/** What came of an attempt. */
export type Outcome =
  { readonly kind: 'delivered' } | { readonly kind: 'waits' | 'failed'; readonly error: string }

const COLUMNS = `id, channel, alert, topic, notification, attempts, seal, ${ms('created_at')} AS "createdAt"`
const OPEN = 'delivered_at IS NULL AND failed_at IS NULL'
const MOST_TAKEN = 100

/** Writes deliveries down, as part of a statement. @param table as SQL names it. @param rows, held the parameters that hold them */
export const insertionOf = (table: string, rows: number, held: number): string => `
  INSERT INTO ${table} (source, id, channel, alert, topic, notification, seal, created_at, attempts, held_until)
  SELECT $1, id, channel, alert, topic, notification, seal, to_timestamp("createdAt" / 1000), attempts, ${at(held)}
    FROM jsonb_to_recordset($${rows}::jsonb)
         AS r (id uuid, channel text, alert uuid, topic text, notification jsonb, seal text, "createdAt" float8, attempts int)`

/** What is to be told, written down until it is. */
export class DeliveryStore extends KeptTables {
  readonly #name = this.table('alert_deliveries')

  /** @returns the ids that were written; one whose topic somebody else has is not */
  async put(deliveries: readonly Delivery[], heldUntil: number): Promise<string[]> {
    const { rows } = await this.query<{ id: string }>(
      `${insertionOf(this.#name, 2, 3)} ON CONFLICT DO NOTHING RETURNING id`,
      [JSON.stringify(deliveries), heldUntil],
    )
    return rows.map(({ id }) => id)
  }

  /** What came of an attempt. What somebody else has ended stays as it is. */
  async settle({ id, attempts }: Delivery, outcome: Outcome, nowMs: number): Promise<void> {
    const endedAt = outcome.kind === 'waits' ? null : nowMs
    await this.query(
      `UPDATE ${this.#name} SET attempts = $3, error = $4, delivered_at = CASE WHEN $5 = 'delivered' THEN ${at(6)} END,
                                 failed_at = CASE WHEN $5 = 'failed' THEN ${at(6)} END
        WHERE source = $1 AND id = $2 AND ${OPEN}`,
      [id, attempts, outcome.kind === 'delivered' ? null : outcome.error, outcome.kind, endedAt],
    )
  }

  /** Says that somebody is still at these. */
  async hold(ids: readonly string[], until: number): Promise<void> {
    if (ids.length === 0) return
    await this.query(
      `UPDATE ${this.#name} SET held_until = ${at(3)} WHERE source = $1 AND id = ANY ($2::uuid[]) AND ${OPEN}`,
      [ids, until],
    )
  }

  /** Takes over what nobody is at any more; what was said first comes first. */
  async take(channels: readonly string[], nowMs: number, until: number): Promise<Delivery[]> {
    const { rows } = await this.query<Delivery>(
      `UPDATE ${this.#name} SET held_until = ${at(4)}
        WHERE id IN (SELECT id FROM ${this.#name} WHERE source = $1 AND channel = ANY ($2) AND held_until < ${at(3)} AND ${OPEN}
                      ORDER BY id LIMIT ${MOST_TAKEN} FOR UPDATE SKIP LOCKED) RETURNING ${COLUMNS}`,
      [channels, nowMs, until],
    )
    return rows.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Whether something that was said of the same alert before has not been taken, whoever is at it. */
  async isBehindAnother({ id, alert, channel }: Delivery): Promise<boolean> {
    const { rowCount } = await this.query(
      `SELECT FROM ${this.#name} WHERE source = $1 AND alert = $2 AND channel = $3 AND id < $4 AND ${OPEN} LIMIT 1`,
      [alert, channel, id],
    )
    return rowCount === 1
  }

  /** What waits, and what was given up lately; the latest first. */
  async unsent(limit: number): Promise<Unsent[]> {
    const { rows } = await this.query<Unsent>(
      `SELECT ${COLUMNS}, error, ${ms('failed_at')} AS "failedAt" FROM ${this.#name}
        WHERE source = $1 AND delivered_at IS NULL ORDER BY id DESC LIMIT $2`,
      [limit],
    )
    return rows
  }
}

/** The same for the HTTP API and the command line. */
export const unsentAsJson = ({
  id,
  channel,
  notification,
  createdAt,
  attempts,
  error,
  failedAt,
}: Unsent) => ({
  id,
  channel: String(channel),
  title: notification.title,
  created_at: new Date(createdAt).toISOString(),
  attempts,
  error,
  given_up: failedAt !== null,
})
