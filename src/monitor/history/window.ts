import type { MetricWindow } from '../metric-history.ts'
import type { FrameKind } from './frame.ts'
import { type HistoryStore, levelFor } from './store.ts'

/** Series of a kind over time, as the history has them: means of each step; null where nothing was collected. */
export async function readWindow<Name extends string>(
  history: HistoryStore,
  kind: FrameKind,
  names: readonly Name[],
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Promise<MetricWindow<Name>> {
  const level = levelFor(fromMs, Date.now())
  const { stepMs } = level
  const first = Math.floor(fromMs / stepMs)
  const length = Math.max(0, Math.floor(toMs / stepMs) - first)
  const series = Object.fromEntries(names.map((name) => [name, Array(length).fill(null)])) as Record<
    Name,
    (number | null)[]
  >
  const frames = await history.read({ level, kind, fromMs: first * stepMs, toMs })
  for (const { atMs, keys, figures } of frames) {
    const step = Math.round(atMs / stepMs) - first
    for (const name of names) {
      const place = keys.indexOf(name)
      if (place >= 0 && step < length) series[name][step] = figures['value:mean']?.[place] ?? null
    }
  }
  return { fromMs: first * stepMs, stepMs, series }
}
