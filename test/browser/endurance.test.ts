/** A page that is left open: an hour of updates on a clock that is driven, in about a minute. */
import { describe, expect, test } from 'vitest'
import { useAdminServer } from '../support/admin-server.ts'
import { BROWSER_SUITE, isBrowserMissing, useBrowser, WatchedPage } from '../support/browser.ts'
import { useDatabase } from '../support/database.ts'
import { removeScratchAfterwards } from '../support/scratch.ts'

removeScratchAfterwards()
const database = useDatabase()
const client = useAdminServer(database)
const browser = useBrowser()

/** HOLDFAST_TEST_MINUTES=60 runs the hour; the windows are full after a quarter of it. */
const MINUTES = Number(process.env.HOLDFAST_TEST_MINUTES ?? 24)
const FULL_AFTER_MINUTES = 16

describe.skipIf(isBrowserMissing)(`the console left open${BROWSER_SUITE}`, () => {
  test(
    `${MINUTES} minutes of updates every second leave its memory where it was`,
    { timeout: 600_000 },
    async () => {
      const watched = await WatchedPage.open(browser(), client().server.url)
      const { page } = watched
      await page.clock.install()
      await page.addInitScript(() => {
        // The stream's events by the page's own clock; all else is the page's own.
        class DrivenEventSource extends EventTarget {
          readonly #timer: ReturnType<typeof setInterval>
          constructor() {
            super()
            let tick = 0
            this.#timer = setInterval(() => {
              tick += 1
              const value = 50 + 40 * Math.sin(tick / 30)
              const at = new Date().toISOString()
              this.#emit('pool', {
                at,
                pool_size: 10,
                max_overflow: 20,
                checked_in: 5,
                checked_out: tick % 9,
                connecting: 0,
                waiting: 0,
                acquired: tick,
                acquire_timeouts: 0,
                dirty_releases: 0,
                connect_failures: 0,
                statements_per_second: value,
                statement_p50_ms: value / 50,
                statement_p99_ms: value / 5,
                wait_p99_ms: 0.1,
                hold_p99_ms: 3,
              })
              if (tick % 5 === 0)
                this.#emit('database', {
                  at,
                  connections: 8,
                  connections_max: 100,
                  cache_hit_ratio_percent: 99,
                  connections_active: tick % 4,
                  connections_idle_in_transaction: 0,
                  connections_idle: 5,
                  connections_other: 0,
                  transactions_per_second: value,
                  rollbacks_per_second: 0,
                  rows_per_second: value * 9,
                  cache_hit_percent: 99,
                })
            }, 1_000)
          }
          #emit(type: string, data: object): void {
            this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data) }))
          }
          close(): void {
            clearInterval(this.#timer)
          }
        }
        Object.assign(globalThis, { EventSource: DrivenEventSource })
      })
      await page.goto(client().server.createSignInLink())
      await page.clock.runFor(2_000)
      await page
        .getByRole('grid', { name: 'Largest tables' })
        .or(page.getByText('has no tables yet'))
        .waitFor()
      const devtools = await page.context().newCDPSession(page)
      const measure = async (): Promise<{ heapMb: number; nodes: number; listeners: number }> => {
        await devtools.send('HeapProfiler.collectGarbage')
        const { metrics } = await devtools.send('Performance.getMetrics')
        const of = (name: string): number =>
          metrics.find((metric) => metric.name === name)?.value ?? Number.NaN
        return {
          heapMb: of('JSHeapUsedSize') / 1_048_576,
          nodes: of('Nodes'),
          listeners: of('JSEventListeners'),
        }
      }
      await devtools.send('Performance.enable')
      for (let minute = 0; minute < FULL_AFTER_MINUTES; minute += 1) await page.clock.runFor(60_000)
      const before = await measure()
      for (let minute = FULL_AFTER_MINUTES; minute < MINUTES; minute += 1) await page.clock.runFor(60_000)
      const after = await measure()
      console.log(`memory of the page: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`)
      expect(after.heapMb - before.heapMb, 'MB more').toBeLessThan(1)
      expect(after.nodes - before.nodes, 'nodes more').toBeLessThan(200)
      expect(after.listeners - before.listeners, 'listeners more').toBeLessThan(20)
      expect(await page.locator('.live').textContent()).toContain('live')
      expect(watched.errors).toEqual([])
    },
  )
})
