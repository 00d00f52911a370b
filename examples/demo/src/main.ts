/**
 * `npm start`: Holdfast around a database. Without DATABASE_URL a demo service on the embedded PostgreSQL, with
 * data of twelve months and gentle traffic; with it that database, and nothing is put into it.
 */
import { fileURLToPath } from 'node:url'
import { createHoldfast, type Holdfast, isHoldfastError } from 'holdfast'
import { serveAdmin } from 'holdfast/admin'
import { migrateUp } from 'holdfast/migrate'
import { UpkeepSchedule } from 'holdfast/partitions'
import { partitionActivityLog } from './activity-log.ts'
import type { DB } from './database.ts'
import { seed } from './seed.ts'
import { createService } from './service.ts'
import { startTraffic } from './traffic.ts'

const MIGRATIONS = fileURLToPath(new URL('../db/migrations', import.meta.url))

const say = (text: string): void => void process.stdout.write(`${text}\n`)

async function startDemo(holdfast: Holdfast<DB>, signal: AbortSignal): Promise<void> {
  await holdfast.installSchema()
  await migrateUp(holdfast.migrations, { ...holdfast.migrateOptions, allowOutOfOrder: true })
  const began = performance.now()
  const isNew = await seed(holdfast.db, signal, (name, index, count) =>
    say(`Seeding ${index + 1}/${count}: ${name}`),
  )
  if (isNew)
    say(`Seeded twelve months of a small service in ${((performance.now() - began) / 1_000).toFixed(1)} s.`)
  const service = await createService(holdfast)
  holdfast.own('demo service', () => service.close())
  const serviceUrl = await service.listen({ host: '127.0.0.1', port: 0 })
  const traffic = startTraffic(serviceUrl)
  holdfast.own('demo traffic', () => traffic.stop())
  say(`Demo service with gentle traffic: ${serviceUrl}`)
  followConversion(holdfast)
}

/** Beside everything else: the console shows how far it is. Closing ends it between two steps; the next start goes on. */
function followConversion(holdfast: Holdfast<DB>): void {
  const ending = new AbortController()
  const converting = partitionActivityLog(holdfast, {
    signal: ending.signal,
    recorder: holdfast.recorder,
    onProgress: ({ table, state, words }) => {
      if (state === 'begun') say(`${table}: ${words}`)
    },
  }).then(
    (words) => {
      say(`${words}.`)
      const { upkeepMs } = holdfast.config.partitions
      if (upkeepMs === 0 || ending.signal.aborted) return
      const onFailure = (what: string, error: unknown): void => say(`${what}: ${String(error)}`)
      const schedule = new UpkeepSchedule(holdfast.partitions, { everyMs: upkeepMs, onFailure })
      holdfast.own('upkeep of partitions', () => schedule.close())
    },
    (error: unknown) => {
      if (!ending.signal.aborted) say(`The activity log could not be partitioned: ${String(error)}`)
    },
  )
  holdfast.own('conversion of the activity log', async () => {
    ending.abort()
    await converting
  })
}

/** Stops in good order on the first signal, at once on the second. The result aborts with the first. */
function stopOnSignals(close: () => Promise<void>): AbortSignal {
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping.signal.aborted) process.exit(130)
      say(`${signal}: stopping.`)
      stopping.abort(new Error(signal))
      close().then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(error)
          process.exit(1)
        },
      )
    })
  }
  return stopping.signal
}

async function main(): Promise<void> {
  const opening = createHoldfast<DB>(
    { migrate: { directory: MIGRATIONS }, query: { logTimingsAboveMs: 250 } },
    { onNotice: say },
  )
  // From the first moment on: what is interrupted while it starts is closed as soon as it has.
  const stopping = stopOnSignals(() => opening.then((holdfast) => holdfast.close()))
  const holdfast = await opening
  if (stopping.aborted) return
  try {
    // First, so that a port that is taken is told before anything is made.
    const server = await serveAdmin(
      {
        pool: holdfast.pool,
        schema: holdfast.config.database.schema,
        migrations: holdfast.migrations,
        migrateOptions: holdfast.migrateOptions,
        access: holdfast.access,
        partitions: holdfast.partitions,
        monitor: holdfast.monitor,
        alerts: holdfast.alerts,
        configuration: holdfast.configuration,
        limits: holdfast.limits,
      },
      holdfast.config.admin,
      holdfast.stateDirectory,
    )
    holdfast.own('HTTP API', () => server.close())
    if (holdfast.config.database.url === undefined) await startDemo(holdfast, stopping)
    holdfast.startMonitoring()
    // The link is for the eyes of whoever sits there; no log keeps it.
    const entry = process.stdout.isTTY
      ? `Sign in, once, within ten minutes: ${server.createSignInLink()}`
      : 'For a sign-in link, in this folder: npx holdfast sign-in'
    say(`\nHoldfast: ${server.url}\n${entry}\nCtrl-C stops.`)
  } catch (error) {
    await holdfast.close()
    // Being interrupted is no failure of what was interrupted.
    if (!stopping.aborted) throw error
  }
}

try {
  await main()
} catch (error) {
  console.error(isHoldfastError(error) ? `error ${error.message} [${error.code}]` : error)
  process.exitCode = 1
}
