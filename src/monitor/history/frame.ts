/** What figures are of. */
export type FrameKind = 'database' | 'process' | 'statements' | 'tables'

/**
 * Many figures within one step of time: for each field one for each key. A field's name ends with how steps of it become a longer one:
 * `calls:sum`, `value:mean`, `value:max`, `bytes:last`.
 */
export interface Frame {
  readonly kind: FrameKind
  /** The process that they are of; empty where they are of the database. */
  readonly instance: string
  /** Begin of the step, in milliseconds since 1970. */
  readonly atMs: number
  /** Series, statements, tables; {@link OTHERS} for all that have no place of their own. */
  readonly keys: readonly string[]
  /** By field; null where it was not known. */
  readonly figures: Readonly<Record<string, readonly (number | null)[]>>
}

/** The key of what was added up because it is not among the greatest. */
export const OTHERS = ''

type Figure = number | null

/** How the figures of several steps, the oldest first, become one. */
const COMBINE: Readonly<Record<string, (known: readonly number[]) => number>> = {
  sum: (known) => known.reduce((sum, one) => sum + one, 0),
  mean: (known) => known.reduce((sum, one) => sum + one, 0) / known.length,
  max: (known) => Math.max(...known),
  last: (known) => known.at(-1) as number,
}

const wayOf = (field: string): string => field.slice(field.indexOf(':') + 1)

/** One frame of several of the same kind and instance, the oldest first. */
export function mergeFrames(frames: readonly Frame[], atMs: number): Frame {
  const [first] = frames
  if (!first) throw new RangeError('there is nothing to merge')
  const keys = [...new Set(frames.flatMap((frame) => frame.keys))]
  const places = frames.map((frame) => new Map(frame.keys.map((key, index) => [key, index])))
  const fields = [...new Set(frames.flatMap((frame) => Object.keys(frame.figures)))]
  const figures = fields.map((field) => {
    const combine = COMBINE[wayOf(field)] ?? COMBINE.last
    const values = keys.map((key): Figure => {
      const known: number[] = []
      for (const [index, frame] of frames.entries()) {
        const place = places[index]?.get(key)
        const figure = place === undefined ? null : frame.figures[field]?.[place]
        if (figure !== null && figure !== undefined) known.push(figure)
      }
      return known.length === 0 || combine === undefined ? null : combine(known)
    })
    return [field, values] as const
  })
  const bounded = { ...first, atMs, keys, figures: Object.fromEntries(figures) }
  return LARGEST[first.kind] === undefined ? bounded : withLargest(bounded)
}

/** By which figures something earns a place of its own, and how many do by each. */
const LARGEST: Readonly<
  Partial<Record<FrameKind, { readonly by: readonly string[]; readonly most: number }>>
> = {
  statements: { by: ['total_ms:sum', 'calls:sum', 'blocks_read:sum'], most: 50 },
  tables: { by: ['bytes:last', 'changes:sum', 'rows_read:sum'], most: 150 },
}

/** Keeps the keys that are among the greatest by any of the figures that count; the rest is added up as {@link OTHERS}. */
export function withLargest(frame: Frame): Frame {
  const bound = LARGEST[frame.kind]
  if (!bound) return frame
  const { by, most } = bound
  const own = frame.keys.flatMap((key, index) => (key === OTHERS ? [] : [index]))
  const kept = new Set<number>()
  for (const field of by) {
    const values = frame.figures[field] ?? []
    const greatest = own
      .filter((index) => (values[index] ?? 0) > 0)
      .toSorted((a, b) => (values[b] ?? 0) - (values[a] ?? 0))
    for (const index of greatest.slice(0, most)) kept.add(index)
  }
  const rest = frame.keys.flatMap((_, index) => (kept.has(index) ? [] : [index]))
  const places = [...kept].toSorted((a, b) => a - b)
  const total = (values: readonly Figure[]): Figure => {
    const known = rest.flatMap((index) => values[index] ?? [])
    return known.length === 0 ? null : known.reduce((sum, one) => sum + one, 0)
  }
  return {
    ...frame,
    keys: [...places.map((index) => frame.keys[index] as string), ...(rest.length === 0 ? [] : [OTHERS])],
    figures: Object.fromEntries(
      Object.entries(frame.figures).map(([field, values]) => [
        field,
        [...places.map((index) => values[index] ?? null), ...(rest.length === 0 ? [] : [total(values)])],
      ]),
    ),
  }
}
