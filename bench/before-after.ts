/**
 * What a change costs: the same work by two builds of Holdfast in turn, on one server. Importing it, `doctor`, a minute of the collector,
 * point reads through the pool.
 *
 *     npm run bench:before-after -- --before=../before [--rounds=30]     both checkouts are built
 *
 * Each round measures each build in a process of its own, the one before first and last in turn, and is quoted as a ratio: below 1 the
 * later build is faster. Writes bench/results/before-after.json.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { installSchema } from '../src/migrate/index.ts'
import { createTestDatabase, startTestServer } from '../src/testing/index.ts'
import { interleave, machine, ratios, spread } from './measure.ts'

const HERE = fileURLToPath(new URL('../', import.meta.url))
const STATEMENTS = 30_000

/** Programs that measure one build, each in a process of its own; they print milliseconds. */
const WORK: Readonly<Record<string, (dist: string, url: string) => string>> = {
  import: (dist) => `await import('${dist}/index.js')`,
  doctor: (dist, url) => `
    process.env.DATABASE_URL = '${url}'
    const { spawnSync } = await import('node:child_process')
    began = performance.now()
    spawnSync(process.execPath, ['${dist.replace('file://', '')}/cli/bin.js', 'doctor', '--json'], { stdio: 'ignore' })`,
  collector: (dist, url) => `
    const { Collector } = await import('${dist}/monitor/index.js')
    const { Pool } = await import('${dist}/pool/index.js')
    const { FakeClock } = await import('${dist}/testing/index.js')
    const pool = new Pool({ connectionString: '${url}' })
    const clock = new FakeClock(Math.ceil(Date.now() / 600_000) * 600_000)
    const collector = new Collector({ pool, history: { url: '${url}', ownSchema: 'holdfast' }, intervalMs: undefined, clock, onProblem() {} })
    const beat = async () => { await clock.advance(10_000); await collector.idle() }
    collector.start()
    do await beat(); while (collector.status().state !== 'collecting')
    began = performance.now()
    for (let n = 0; n < 24; n += 1) await beat()
    ended = performance.now()
    await collector.close()
    await pool.end()`,
  reads: (dist, url) => `
    const { Pool } = await import('${dist}/pool/index.js')
    const pool = new Pool({ connectionString: '${url}', size: 10, overflow: 0 })
    let left = 5_000
    const one = async () => { while (left > 0) { left -= 1; await pool.query('SELECT n, t FROM things WHERE n = $1', [left % 1000]) } }
    const all = () => Promise.all(Array.from({ length: 64 }, one))
    await all()
    left = ${STATEMENTS}
    began = performance.now()
    await all()
    ended = performance.now()
    await pool.end()`,
}

function measure(checkout: string, what: string, url: string, cwd: string): number {
  const dist = pathToFileURL(join(checkout, 'dist')).href
  const program = `let began = performance.now(), ended; ${WORK[what]?.(dist, url)}; console.log((ended ?? performance.now()) - began); process.exit(0)`
  return Number(
    execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', cwd }),
  )
}

const { values } = parseArgs({
  options: { before: { type: 'string' }, rounds: { type: 'string', default: '30' } },
})
if (values.before === undefined) throw new Error('--before=<checkout>, which is built')
const before = resolve(values.before)
const rounds = Number(values.rounds)
const server = await startTestServer()
const cwd = mkdtempSync(join(tmpdir(), 'holdfast-before-after-'))
const results: Record<string, unknown> = {}
try {
  for (const what of Object.keys(WORK)) {
    const { url } = await createTestDatabase(server.url)
    await installSchema(url, 'holdfast', {})
    const { Pool } = await import('../src/pool/index.ts')
    const pool = new Pool({ connectionString: url, size: 1 })
    await pool.query('CREATE TABLE things (n int PRIMARY KEY, t text)')
    await pool.query('INSERT INTO things SELECT n, md5(n::text) FROM generate_series(0, 999) n')
    for (let n = 0; n < 200; n += 1)
      await pool.query(`CREATE TABLE many_${n} (id int PRIMARY KEY, of int REFERENCES things)`)
    await pool.query('ANALYZE')
    await pool.end()
    const one = (checkout: string) => (): Promise<number> =>
      Promise.resolve(measure(checkout, what, url, cwd))
    const { before: old, after } = await interleave(rounds, { before: one(before), after: one(HERE) })
    const ratio = ratios(after, old)
    results[what] = { beforeMs: spread(old), afterMs: spread(after), ratio }
    console.log(
      `${what}: ${ratio.median} of before (${ratio.min} to ${ratio.max}), ${spread(after).median} ms`,
    )
  }
} finally {
  await server.stop()
  rmSync(cwd, { recursive: true, force: true })
}
const out = {
  machine: machine(),
  at: new Date().toISOString().slice(0, 10),
  rounds,
  statements: STATEMENTS,
  results,
}
writeFileSync(join(HERE, 'bench/results/before-after.json'), `${JSON.stringify(out, null, 2)}\n`)
