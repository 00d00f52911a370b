/**
 * Runs the whole suite where the machine is busy with other things, in random orders, or each file by itself: a test
 * that depends on speed or on its neighbours shows here.
 *
 *     npm run stress:suite -- --busy=2 --runs=3     three runs beside two endless loops, each in an order of its own
 *     npm run stress:suite -- --alone               every test file in a run of its own
 *
 * Prints a line for each run, and what failed in it; writes all of them to bench/results/suite.json with --keep.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { testFiles } from './import-graph.ts'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const RESULTS = fileURLToPath(new URL('../bench/results/suite.json', import.meta.url))

interface Outcome {
  readonly what: string
  readonly seconds: number
  /** As the suite's last line says it. */
  readonly result: string
  /** Tests and steps that failed. */
  readonly failures: readonly string[]
}

const { values } = parseArgs({
  options: {
    busy: { type: 'string', default: '0' },
    runs: { type: 'string', default: '1' },
    ordered: { type: 'boolean', default: false },
    alone: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
})

const outcomes: Outcome[] = []
const loops = startLoops(Number(values.busy))
process.once('SIGINT', () => {
  for (const loop of loops) loop.kill('SIGKILL')
  process.exit(130)
})
try {
  if (values.alone) for (const file of testFiles()) await runOnce(`alone: ${file}`, [file])
  else
    for (let run = 0; run < Number(values.runs); run += 1) {
      const seed = Math.floor(Math.random() * 1e6)
      const order = values.ordered ? [] : [`--shuffle=${seed}`]
      await runOnce(`beside ${loops.length} busy loops${values.ordered ? '' : `, seed ${seed}`}`, order)
    }
} finally {
  for (const loop of loops) loop.kill('SIGKILL')
}
if (values.keep) keepResults()
process.exitCode = outcomes.some(({ failures }) => failures.length > 0) ? 1 : 0

async function runOnce(what: string, args: readonly string[]): Promise<void> {
  const began = performance.now()
  const output = await outputOf(['scripts/test.ts', ...args])
  const lines = stripVTControlCharacters(output).split('\n')
  const result = lines.findLast((line) => /^\d+ passed, \d+ failed/.test(line)) ?? 'did not get to its end'
  const failures = lines.filter((line) => /^\s*FAIL |^== .*FAILED|^✖ /.test(line)).map((line) => line.trim())
  const isGood = / 0 failed/.test(result)
  const outcome = {
    what,
    seconds: Math.round((performance.now() - began) / 1_000),
    result,
    failures: isGood || failures.length > 0 ? [...new Set(failures)] : ['it did not get to its end'],
  }
  outcomes.push(outcome)
  console.log(`${outcome.seconds} s  ${result}  (${what})`)
  for (const failure of outcome.failures) console.log(`    ${failure}`)
}

function outputOf(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', () => resolve(output))
  })
}

function startLoops(count: number): ChildProcess[] {
  return Array.from({ length: count }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  )
}

function keepResults(): void {
  const before = (() => {
    try {
      return JSON.parse(readFileSync(RESULTS, 'utf8')) as { runs: Outcome[] }
    } catch {
      return { runs: [] } // the first to be kept
    }
  })()
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`
  writeFileSync(
    RESULTS,
    `${JSON.stringify({ machine, at: new Date().toISOString().slice(0, 10), runs: [...before.runs, ...outcomes] }, null, 2)}\n`,
  )
}
