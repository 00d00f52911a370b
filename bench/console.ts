/**
 * How smooth the console's long lists are: `npm run bench:console` writes bench/results/console.json. Build first: the built console is
 * what is looked at.
 *
 * A database with 1,000 tables and some 5,000 statements, in a real Chromium. A list is opened, and turned through by the wheel for two
 * seconds, round after round; in turn with a page of the same console that is short, so that what the machine itself does to a frame
 * falls on both. The figures are times between two frames: 16.7 ms is each frame that the screen could show.
 */
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import pg from 'pg'
import { ADMIN_OPTIONS, serveAdmin } from '../src/admin/index.ts'
import { resolveOptions } from '../src/core/index.ts'
import { Pool } from '../src/pool/index.ts'
import { createTestDatabase, startTestServer } from '../src/testing/index.ts'
import { machine, ratios, type Spread, spread } from './measure.ts'

const TABLES = 1_000
const FORMS = 5
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5)
const CHROMIUM = process.env.HOLDFAST_TEST_CHROMIUM ?? '/usr/bin/chromium'

const LISTS = [
  ['statements', 'queries?window=reset', 'Statements'],
  ['tables', 'tables', 'Tables'],
  ['short', 'settings', 'PostgreSQL'],
] as const
type List = (typeof LISTS)[number][0]

/** Times between frames, in milliseconds, while the wheel turns. */
const FRAMES = `new Promise((resolve) => {
  const gaps = []
  let last = performance.now()
  const end = last + 2000
  const frame = (now) => { gaps.push(now - last); last = now; if (now < end) requestAnimationFrame(frame); else resolve(gaps.slice(1)) }
  requestAnimationFrame(frame)
})`

async function run(): Promise<void> {
  const server = await startTestServer({ settings: { 'pg_stat_statements.max': '10000' } })
  const database = await createTestDatabase(server.url)
  const client = new pg.Client(database.url)
  await client.connect()
  const pool = new Pool({ connectionString: database.url })
  const admin = await serveAdmin(
    { pool },
    { ...resolveOptions('admin', ADMIN_OPTIONS, []).values, port: 0, logLevel: 'silent' },
    join(tmpdir(), `bench-console-${process.pid}`),
  )
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  try {
    await client.query(`CREATE EXTENSION IF NOT EXISTS pg_stat_statements; SET pg_stat_statements.track = 'all';
      DO $do$ BEGIN FOR n IN 1..${TABLES} LOOP EXECUTE format('CREATE TABLE large_%s (id int PRIMARY KEY)', n); END LOOP; END $do$;
      DO $do$ BEGIN FOR n IN 1..${TABLES} LOOP FOR k IN 1..${FORMS} LOOP
        EXECUTE format('SELECT id FROM large_%s WHERE id > 0%s', n, repeat(' AND id > 1', k)); END LOOP; END LOOP; END $do$`)
    const page = await browser.newPage({ viewport: { width: 1_280, height: 900 } })
    await page.goto(admin.createSignInLink())
    const measured = Object.fromEntries(LISTS.map(([name]) => [name, [] as Measured[]])) as Record<
      List,
      Measured[]
    >
    for (let round = 0; round < ROUNDS; round += 1)
      for (const [name, path, label] of LISTS)
        measured[name].push(await measure(page, `${admin.url}/${path}`, label))
    const results = Object.fromEntries(LISTS.map(([name]) => [name, summary(measured[name], measured.short)]))
    console.log(JSON.stringify(results, null, 2))
    writeFileSync(
      new URL('./results/console.json', import.meta.url),
      `${JSON.stringify({ machine: machine(), tables: TABLES, statements: TABLES * FORMS, rounds: ROUNDS, ...results }, null, 2)}\n`,
    )
  } finally {
    await browser.close()
    await admin.close()
    await pool.end()
    await client.end()
    await database.drop()
    await server.stop()
  }
}

interface Measured {
  readonly openMs: number
  readonly rows: number
  /** The last one that was seen after the wheel had turned. */
  readonly reached: number
  readonly p95: number
  readonly worst: number
}

async function measure(page: Page, url: string, label: string): Promise<Measured> {
  const began = performance.now()
  await page.goto(url)
  const grid = page.getByRole('grid', { name: label })
  await grid.getByRole('row').nth(3).waitFor({ timeout: 30_000 })
  const openMs = performance.now() - began
  await grid.hover()
  const frames = page.evaluate<number[]>(FRAMES)
  for (let turn = 0; turn < 60; turn += 1) await page.mouse.wheel(0, 900)
  const gaps = (await frames).toSorted((a, b) => a - b)
  return {
    openMs,
    rows: Number(await grid.getAttribute('aria-rowcount')) - 1,
    reached: Number(await grid.getByRole('row').last().getAttribute('aria-rowindex')) - 1,
    p95: gaps[Math.floor(gaps.length * 0.95)] ?? 0,
    worst: gaps.at(-1) ?? 0,
  }
}

function summary(own: readonly Measured[], short: readonly Measured[]): Record<string, number | Spread> {
  return {
    rows: own.at(-1)?.rows ?? 0,
    'reached by the wheel': own.at(-1)?.reached ?? 0,
    'opened, ms': spread(own.map(({ openMs }) => openMs)),
    'between frames, 95 of a hundred within, ms': spread(own.map(({ p95 }) => p95)),
    'the longest wait for a frame, ms': spread(own.map(({ worst }) => worst)),
    'of 95 of a hundred, to the short list': ratios(
      own.map(({ p95 }) => p95),
      short.map(({ p95 }) => p95),
    ),
  }
}

await run()
