/** A number as people read it, and its unit to be set smaller. */
export interface Figure {
  readonly text: string
  readonly unit: string
}

/** What stands where nothing is known. */
export const UNKNOWN: Figure = { text: '–', unit: '' }

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })

/** Counts up to 99,999 in full, then 312 k, 3.1 M. */
export function count(value: number | null | undefined): Figure {
  if (value == null) return UNKNOWN
  if (value < 100_000) return { text: (value < 10 ? tenths : whole).format(value), unit: '' }
  return scaled(value, 1_000, ['', 'k', 'M', 'G', 'T'])
}

/** Binary sizes under the names people say: 48.2 GB. */
export function bytes(value: number | null | undefined): Figure {
  return value == null ? UNKNOWN : scaled(value, 1_024, ['B', 'kB', 'MB', 'GB', 'TB', 'PB'])
}

/** A rate in events per second. */
export function perSecond(value: number | null | undefined): Figure {
  const { text, unit } = count(value)
  return value == null ? UNKNOWN : { text, unit: `${unit}/s` }
}

/** A duration in the unit that keeps two digits: 0.42 ms, 18 ms, 2.1 s, 3 min. */
export function duration(ms: number | null | undefined): Figure {
  if (ms == null) return UNKNOWN
  if (ms < 999.5) return { text: twoDigits(ms), unit: 'ms' }
  if (ms < 99_500) return { text: twoDigits(ms / 1_000), unit: 's' }
  if (ms < 99.5 * 60_000) return { text: whole.format(ms / 60_000), unit: 'min' }
  if (ms < 47.5 * 3_600_000) return { text: whole.format(ms / 3_600_000), unit: 'h' }
  return { text: whole.format(ms / 86_400_000), unit: 'd' }
}

/** Near 100 the digits behind the point are what matters. */
export function percent(value: number | null | undefined): Figure {
  if (value == null) return UNKNOWN
  const digits = value > 99 && value < 100 ? 2 : value < 10 || value > 95 ? 1 : 0
  // Never 100 for what is a little less.
  const floored = Math.floor(value * 10 ** digits) / 10 ** digits
  return { text: String(floored), unit: '%' }
}

/** A figure in one string, for labels and CSV. */
export function inWords({ text, unit }: Figure): string {
  return unit === '' || unit.startsWith('%') || unit.startsWith('/') ? `${text}${unit}` : `${text} ${unit}`
}

function scaled(value: number, base: number, units: readonly string[]): Figure {
  let step = 0
  let rest = value
  while (rest >= base && step < units.length - 1) {
    rest /= base
    step += 1
  }
  const text = step === 0 || rest >= 100 ? whole.format(rest) : tenths.format(rest)
  return { text, unit: units[step] as string }
}

function twoDigits(value: number): string {
  if (value === 0) return '0'
  if (value < 0.01) return '<0.01'
  return value < 0.995 ? value.toFixed(2) : value < 9.95 ? value.toFixed(1) : whole.format(value)
}
