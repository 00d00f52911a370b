import { setTimeout as sleep } from 'node:timers/promises'
import { cpus, totalmem } from 'node:os'

/** Least, middle and greatest of some measurements. */
export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (index: number): number => Math.round((sorted[index] as number) * 100) / 100
  return { min: at(0), median: at(Math.floor(sorted.length / 2)), max: at(sorted.length - 1) }
}

/**
 * Measures contestants in turn, A B A B, so that what else the machine does falls on all of them alike.
 * @param contestants each returns its own figure (milliseconds, or calls per second)
 */
export async function interleave<Name extends string>(
  rounds: number,
  contestants: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contestants) as Name[]
  const results = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) {
      results[name].push(await contestants[name]())
      // Work that never waits for the network lets nothing be read: what others have on its way is read now, not in their turn.
      await sleep(20)
    }
  }
  return results
}

/** The ratio of two contestants, round by round. */
export function ratios(ours: readonly number[], theirs: readonly number[]): Spread {
  return spread(ours.map((value, round) => value / (theirs[round] as number)))
}

/** How long `work` takes, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/**
 * Calls per second under many callers, each with ids from 1 to `ids` in an order of its own.
 * @param latencies collects how long each call took, in milliseconds
 */
export async function callsPerSecond(
  call: (id: number) => Promise<unknown>,
  { callers, ms, ids }: { readonly callers: number; readonly ms: number; readonly ids: number },
  latencies?: number[],
): Promise<number> {
  const began = performance.now()
  const end = began + ms
  let done = 0
  const caller = async (index: number): Promise<void> => {
    for (let id = index; performance.now() < end; id = (id * 7 + 13) % ids) {
      const since = performance.now()
      await call(id + 1)
      done += 1
      latencies?.push(performance.now() - since)
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, index) => caller(index)))
  return (done / (performance.now() - began)) * 1_000
}

/** The machine, in words that say enough to compare and not where it stands. */
export function machine(): string {
  return `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform} ${process.arch}, Node ${process.version}`
}
