import { readdirSync } from 'node:fs'
import { availableParallelism, freemem, hostname, loadavg, totalmem } from 'node:os'
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { getActiveResourcesInfo } from 'node:process'

/** What this process and its machine are like. Of the service's host, not the database's. */
export interface ProcessPicture {
  readonly host: string
  readonly pid: number
  readonly cores: number
  /** Processor time of this process since the last look, of one core. */
  readonly cpu_percent: number
  readonly rss_bytes: number
  readonly heap_used_bytes: number
  readonly heap_total_bytes: number
  /** Of the last minute, of the whole machine. */
  readonly load_1m: number
  readonly memory_free_bytes: number
  readonly memory_total_bytes: number
  /** Of the operating system; null where that does not tell. */
  readonly threads: number | null
  /** What keeps the process alive: sockets, timers and the like. */
  readonly active_resources: number
  /** How late the event loop was since the last look, beyond its own rhythm. */
  readonly event_loop_delay_p99_ms: number
  readonly event_loop_delay_max_ms: number
}

/** Looks at this process; what is counted since the last look is counted for each watch by itself. */
export class ProcessWatch {
  readonly #delay: IntervalHistogram
  #cpu = process.cpuUsage()
  #atMs = performance.now()

  constructor() {
    this.#delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    this.#delay.enable()
  }

  look(): ProcessPicture {
    const now = performance.now()
    const { user, system } = process.cpuUsage(this.#cpu)
    const elapsedMs = Math.max(1, now - this.#atMs)
    this.#cpu = process.cpuUsage()
    this.#atMs = now
    const { rss, heapUsed, heapTotal } = process.memoryUsage()
    const delayMs = (nanoseconds: number): number =>
      Number.isFinite(nanoseconds) ? Math.max(0, Math.round(nanoseconds / 10_000) / 100 - RESOLUTION_MS) : 0
    const delays = [delayMs(this.#delay.percentile(99)), delayMs(this.#delay.max)] as const
    this.#delay.reset()
    return {
      host: hostname(),
      pid: process.pid,
      cores: availableParallelism(),
      cpu_percent: Math.round(((user + system) / 1_000 / elapsedMs) * 1_000) / 10,
      rss_bytes: rss,
      heap_used_bytes: heapUsed,
      heap_total_bytes: heapTotal,
      load_1m: loadavg()[0] ?? 0,
      memory_free_bytes: freemem(),
      memory_total_bytes: totalmem(),
      threads: countThreads(),
      active_resources: getActiveResourcesInfo().length,
      event_loop_delay_p99_ms: delays[0],
      event_loop_delay_max_ms: delays[1],
    }
  }

  close(): void {
    this.#delay.disable()
  }
}

const RESOLUTION_MS = 20

/** Linux tells them; Node itself does not. */
function countThreads(): number | null {
  try {
    return readdirSync('/proc/self/task').length
  } catch {
    return null
  }
}
