import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Delivery } from './deliveries.ts'

/** What a seal is about. */
type Sealed = Pick<Delivery, 'id' | 'channel' | 'alert' | 'topic' | 'notification'>

/**
 * Seals what is written down to be told, by a secret that every process with the same configuration has and the database has not:
 * whoever may write to the table cannot have anything told.
 */
export function sealOf({ id, channel, alert, topic, notification }: Sealed, secret: string): string {
  return createHmac('sha256', `holdfast delivery ${secret}`)
    .update(JSON.stringify(inOrder([id, channel, alert, topic, notification])))
    .digest('hex')
}

/** Whether a delivery was sealed by somebody who knows the secret. */
export function isSealed(delivery: Sealed & { readonly seal: string | null }, secret: string): boolean {
  const [given, right] = [Buffer.from(delivery.seal ?? ''), Buffer.from(sealOf(delivery, secret))]
  return given.length === right.length && timingSafeEqual(given, right)
}

/** PostgreSQL keeps the members of an object in an order of its own. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return ['list', ...value.map(inOrder)]
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).filter(([, one]) => one !== undefined)
  return [
    'object',
    ...members.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, one]) => [name, inOrder(one)]),
  ]
}
