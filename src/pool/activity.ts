import type { HolderPicture } from './errors.ts'
import type { LaneState } from './lanes/lane.ts'

/** One lane at a moment. */
export interface LanePicture {
  readonly state: LaneState
  /** Statements on their way. */
  readonly depth: number
  /** Milliseconds since when the server works at the first of them; undefined while there is none. */
  readonly headMs: number | undefined
}

/** One caller that waits for a connection, or with its statement for room on a lane. */
export interface WaiterPicture {
  readonly waitedMs: number
  readonly label: string | undefined
  /** Undefined: it waits for a whole connection. */
  readonly text: string | undefined
}

/** A checkout that was held for too long. */
export interface LeakPicture extends HolderPicture {
  /** When it was reported, in milliseconds since 1970. */
  readonly at: number
  /** After how many milliseconds it came back after all; undefined while it has not. */
  readonly returnedAfterMs: number | undefined
}

/** What goes on in a pool at a moment: never values, only texts. */
export interface PoolActivity {
  /** It was drained, and gives out nothing before it is resumed. */
  readonly isDrained: boolean
  readonly lanes: readonly LanePicture[]
  /** Who waits, the longest first. */
  readonly waiters: readonly WaiterPicture[]
  /** Who holds connections, the longest first. */
  readonly holders: readonly HolderPicture[]
  /** Checkouts that were held for too long, the latest first. */
  readonly leaks: readonly LeakPicture[]
}

/** As many leaks are remembered. */
const MOST_LEAKS = 50

/** The leaks of a pool, the latest few. */
export class Leaks {
  readonly #known = new Map<object, LeakPicture>()

  /** @param holder whose leak it is. @param at milliseconds since 1970 */
  note(holder: object, picture: HolderPicture, at: number): void {
    this.#known.set(holder, { ...picture, at, returnedAfterMs: undefined })
    const [oldest] = this.#known.keys()
    if (oldest && this.#known.size > MOST_LEAKS) this.#known.delete(oldest)
  }

  returned(holder: object, { heldMs }: HolderPicture): void {
    const leak = this.#known.get(holder)
    if (leak) this.#known.set(holder, { ...leak, returnedAfterMs: heldMs })
  }

  pictures(): LeakPicture[] {
    return [...this.#known.values()].toReversed()
  }
}
