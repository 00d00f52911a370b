import { type Capacity, type Fit, fitOf, usable } from './capacity.ts'
import type { DemandFigures } from './demand.ts'

/** What a pool went through, as far as its size depends on it. */
export interface Experience {
  readonly size: number
  readonly overflow: number
  readonly processes: number
  readonly demand: DemandFigures
  /** Checkouts, and statements that shared a connection. */
  readonly uses: number
  readonly acquireTimeouts: number
  readonly leaks: number
  /** Milliseconds; undefined when nobody ever waited or held. */
  readonly waitP99Ms: number | undefined
  readonly holdP99Ms: number | undefined
}

/** What a pool's size should be, and why. */
export interface SizeAdvice {
  readonly size: number
  readonly overflow: number
  /** False while too little has happened to tell: the present size stands. */
  readonly isFounded: boolean
  readonly reasons: readonly string[]
  /** How the advice fits the server. */
  readonly fit: Fit | undefined
}

/** Before that a pool has seen too little. */
const FOUNDED_BUSY_MS = 60_000
const FOUNDED_USES = 1_000
/** Kept connections are for nearly always, overflow for the peaks and a quarter more. */
const KEPT_SHARE = 0.95
const HEADROOM = 1.25
const LONG_WAIT_MS = 10
const LONG_HOLD_MS = 1_000

/**
 * Recommends a size from what was wanted: enough kept connections for 95% of the busy time, overflow for the highest
 * peak and a quarter more, both within what the server gives to all processes.
 *
 * @param capacity undefined when the server's limits are not known.
 */
export function adviseSize(experience: Experience, capacity: Capacity | undefined): SizeAdvice {
  const { size, overflow, processes, demand, uses } = experience
  const isFounded = demand.busyMs >= FOUNDED_BUSY_MS && uses >= FOUNDED_USES
  const reasons: string[] = []
  let [kept, above] = [size, overflow]
  if (isFounded) {
    kept = Math.max(1, demand.enoughFor(KEPT_SHARE))
    above = Math.max(0, Math.ceil(demand.peak * HEADROOM) - kept)
    reasons.push(
      `${kept} ${kept === 1 ? 'connection was' : 'connections were'} enough for 95% of the busy time; at the peak ${demand.peak} were wanted at once, waiting callers included.`,
    )
  } else {
    reasons.push(
      `Too little has happened yet: ${Math.round(demand.busyMs / 1_000)} s of use and ${uses} checkouts and rides, of ${FOUNDED_BUSY_MS / 1_000} s and ${FOUNDED_USES}.`,
    )
  }
  reasons.push(...observations(experience, isFounded))
  const room = capacity && Math.floor(usable(capacity) / processes)
  if (room !== undefined && kept + above > room) {
    reasons.push(
      `The server gives each of ${processes} ${processes === 1 ? 'process' : 'processes'} ${room} connections, fewer than ${kept + above}: cut to fit. Put a pooler in front, or run fewer processes, if callers wait.`,
    )
    kept = Math.max(1, Math.min(kept, room))
    above = Math.max(0, room - kept)
  }
  const fit = capacity && fitOf({ size: kept, overflow: above, processes }, capacity)
  return { size: kept, overflow: above, isFounded, reasons, fit }
}

function observations(
  { acquireTimeouts, leaks, waitP99Ms, holdP99Ms }: Experience,
  isFounded: boolean,
): string[] {
  const reasons: string[] = []
  if (acquireTimeouts > 0)
    reasons.push(`${acquireTimeouts === 1 ? 'One caller' : `${acquireTimeouts} callers`} gave up waiting.`)
  else if (isFounded && (waitP99Ms ?? 0) > LONG_WAIT_MS)
    reasons.push(`One caller in a hundred waited longer than ${Math.round(waitP99Ms as number)} ms.`)
  if (leaks > 0)
    reasons.push(
      `${leaks === 1 ? 'One checkout was' : `${leaks} checkouts were`} held for too long (leaks): mend those first, they count as demand.`,
    )
  else if ((holdP99Ms ?? 0) > LONG_HOLD_MS)
    reasons.push(
      `One checkout in a hundred is held longer than ${Math.round(holdP99Ms as number)} ms: shorter transactions need fewer connections.`,
    )
  return reasons
}
