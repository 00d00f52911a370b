import type { Notification } from '../notification.ts'

/** A way to tell somebody. */
export interface Channel {
  readonly name: 'webhook' | 'slack' | 'email' | 'log'
  /** Resolves when the other side has taken it. @throws HF_ALERT_DELIVERY, or what the way there throws */
  send(notification: Notification, signal: AbortSignal): Promise<void>
}
