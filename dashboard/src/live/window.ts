/** Values over time: one list of times (seconds since 1970), and one of values for each name, all as long. */
export interface TimeWindow<Name extends string> {
  readonly times: readonly number[]
  readonly series: Readonly<Record<Name, readonly (number | null)[]>>
}

/** A window as the API answers it. */
export interface AnsweredWindow<Name extends string> {
  readonly from: string
  readonly step_seconds: number
  readonly series: Readonly<Record<Name, readonly (number | null)[]>>
}

export function fromAnswer<Name extends string>(answer: AnsweredWindow<Name>): TimeWindow<Name> {
  const begin = Date.parse(answer.from) / 1_000
  const [first = []] = Object.values<readonly (number | null)[]>(answer.series)
  return { times: first.map((_, index) => begin + index * answer.step_seconds), series: answer.series }
}

/** The window with one more value at its end, and without what is older than `fromSeconds`: it never grows. */
export function append<Name extends string>(
  window: TimeWindow<Name>,
  atSeconds: number,
  values: Readonly<Record<Name, number | null>>,
  fromSeconds: number,
): TimeWindow<Name> {
  // What the history already told is not told twice.
  if (atSeconds <= (window.times.at(-1) ?? Number.NEGATIVE_INFINITY)) return window
  const firstKept = window.times.findIndex((time) => time >= fromSeconds)
  const start = firstKept < 0 ? window.times.length : firstKept
  const names = Object.keys(window.series) as Name[]
  return {
    times: [...window.times.slice(start), atSeconds],
    series: Object.fromEntries(
      names.map((name) => [name, [...window.series[name].slice(start), values[name] ?? null]]),
    ) as Record<Name, (number | null)[]>,
  }
}

/** The last value that is known. */
export function latest<Name extends string>(window: TimeWindow<Name>, name: Name): number | null {
  return window.series[name].findLast((value) => value !== null) ?? null
}
