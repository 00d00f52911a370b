import type { Notification } from '../notification.ts'

/** A way to tell somebody. */
export interface Channel {
  readonly name: 'webhook' | 'slack' | 'email' | 'log'
  /**
   * Known to every process that tells through it, and to nobody who only reads or writes the database: what is written down to be
   * told is sealed by it. Without one whoever may write to the table may have something told.
   */
  readonly secret?: string | undefined
  /** Resolves when the other side has taken it. @throws HF_ALERT_DELIVERY, or what the way there throws */
  send(notification: Notification, signal: AbortSignal): Promise<void>
}
