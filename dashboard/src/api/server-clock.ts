import { signal } from '@preact/signals'

/** Differences below this are the way here, and the whole seconds of the header. */
const SMALLEST_MS = 3_000

/** How much the server's clock is ahead of the browser's. What the server dates is told by its clock. */
export const skewMs = signal(0)

/** Every answer says when it was sent. */
export function compareClocks(response: Response): void {
  const skew = Date.parse(response.headers.get('date') ?? '') - Date.now()
  if (!Number.isNaN(skew)) skewMs.value = Math.abs(skew) < SMALLEST_MS ? 0 : skew
}
