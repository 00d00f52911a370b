import type { Pool } from '../pool/index.ts'
import type { ConsoleSessions } from './console-sessions.ts'
import type { LivePicture } from './live.ts'

/** What the routes work on. */
export interface AdminContext {
  readonly pool: Pool
  /** Schema of Holdfast's own tables. */
  readonly schema: string
  readonly sessions: ConsoleSessions
  readonly live: LivePicture
  readonly startedAt: number
  /** True from the moment on when a shutdown was asked for. */
  isDraining: boolean
}
