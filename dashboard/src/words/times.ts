const DAY_MS = 86_400_000

const clockTime = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})
const hourMinute = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
})
const dayMonth = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short' })
const exact = new Intl.DateTimeFormat('en', {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
  timeZoneName: 'short',
})

/** How long ago: 5 s, 3 min, 2 h. Without "ago". */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 100) return `${seconds} s`
  if (seconds < 100 * 60) return `${Math.floor(seconds / 60)} min`
  if (seconds < 48 * 3_600) return `${Math.floor(seconds / 3_600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}

/** Time of day up to a day ago, then the date. */
export function moment(atMs: number, nowMs: number): string {
  return nowMs - atMs < DAY_MS
    ? clockTime.format(atMs)
    : `${dayMonth.format(atMs)} ${hourMinute.format(atMs)}`
}

/** The label of a time axis whose whole span is `spanMs`. */
export function axisTime(atMs: number, spanMs: number): string {
  if (spanMs <= 3 * 60_000) return clockTime.format(atMs)
  return spanMs <= DAY_MS ? hourMinute.format(atMs) : dayMonth.format(atMs)
}

/** The exact instant with its zone, for whoever hovers. */
export function instant(atMs: number): string {
  return exact.format(atMs)
}
