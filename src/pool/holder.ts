/** Who holds a connection, as far as the connection needs to know. */
export interface Holder {
  /** Monotonic milliseconds when it got it. */
  readonly since: number
  /** What the caller named its work, with `withLabel`. */
  readonly label: string | undefined
  /** Where the application asked for the connection; undefined when call sites are not recorded. */
  readonly callSite: string | undefined
  /** The text of the last statement it sent. */
  lastText: string | undefined
  /** It was reported as a leak. */
  isReported: boolean
  /** It gave the connection back, or had it taken away. */
  isReleased: boolean
}
