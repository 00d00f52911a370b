/**
 * The whole suite, as `npm test` runs it: types, style, build, tests, the packed tarball. Every step runs, also
 * after one has failed; the last line counts.
 *
 *     npm test                     everything
 *     npm test -- pool             the test files whose path holds "pool"
 *     npm test -- --changed        the test files that the uncommitted changes can break; --changed=main those since main
 *     npm test -- --shuffle        the files in a random order, whose seed is printed; --shuffle=7 in that of the seed 7
 *
 * What it looks at in full where `CI=true`, and elsewhere in what has changed: the format.
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { affectedTests } from './import-graph.ts'
import { readReport, renderCost } from './test-report.ts'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const MODULES = join(ROOT, 'node_modules')
const FORMATTED = /\.(ts|tsx|js|mjs|json|md|css|html|yml)$/

interface Wishes {
  /** Test files, or parts of their paths. Empty: all of them. */
  readonly files: readonly string[]
  readonly isPartial: boolean
  readonly seed: number | undefined
}

const wishes = readWishes(process.argv.slice(2))
let passed = 0
let failed = 0

if (wishes.isPartial && wishes.files.length === 0) console.log('No test reaches what has changed.')
else await runAll()
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

async function runAll(): Promise<void> {
  // The build writes what the examples' types and the console's tests read.
  await Promise.all([
    wishes.isPartial ? undefined : looksAtSources(),
    step('build', ['scripts/build.mjs']).then((isGood) =>
      isGood && !wishes.isPartial ? checkTypes('examples') : undefined,
    ),
  ])
  await runTests()
  if (!wishes.isPartial) await step('package', ['--test', 'test/package/package.test.ts'])
}

async function looksAtSources(): Promise<void> {
  for (const project of ['.', 'dashboard', 'test/browser']) await checkTypes(project)
  await step('lint', [join(MODULES, 'oxlint/bin/oxlint'), '--deny-warnings'])
  const files =
    process.env.CI === 'true'
      ? ['.']
      : changedFiles('HEAD').filter((path) => FORMATTED.test(path) && existsSync(path))
  if (files.length > 0)
    await step('format', [
      join(MODULES, 'prettier/bin/prettier.cjs'),
      '--check',
      '--ignore-unknown',
      '--log-level',
      'warn',
      ...files,
    ])
}

async function runTests(): Promise<void> {
  const reports = mkdtempSync(join(tmpdir(), 'holdfast-report-'))
  const report = join(reports, 'vitest.json')
  const isGood = await run('tests', [
    join(MODULES, 'vitest/vitest.mjs'),
    'run',
    ...wishes.files,
    ...(wishes.seed === undefined ? [] : ['--sequence.shuffle.files', `--sequence.seed=${wishes.seed}`]),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ])
  const counts = readReport(report, ROOT)
  rmSync(reports, { recursive: true, force: true })
  passed += counts.passed
  failed += counts.failed
  // Something outside any test failed: an unhandled rejection, a set-up.
  if (!isGood && counts.failed === 0) failed += 1
  console.log(`\n${renderCost(counts)}`)
}

async function checkTypes(project: string): Promise<void> {
  await step(`types of ${project}`, [join(MODULES, 'typescript/bin/tsc'), '--noEmit', '-p', project])
}

/** A step that counts as one test. */
async function step(title: string, args: readonly string[]): Promise<boolean> {
  const isGood = await run(title, args)
  if (isGood) passed += 1
  else failed += 1
  return isGood
}

/** Runs a program of Node. What it prints is shown at its end, so that steps do not mix; the tests' at once. */
async function run(title: string, args: readonly string[]): Promise<boolean> {
  const began = performance.now()
  const isAlone = title === 'tests'
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: isAlone ? 'inherit' : ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += String(chunk)))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  const seconds = ((performance.now() - began) / 1_000).toFixed(1)
  if (output.trim() !== '') console.log(output.trimEnd())
  console.log(`== ${title}: ${code === 0 ? 'good' : 'FAILED'} after ${seconds} s`)
  return code === 0
}

function readWishes(args: readonly string[]): Wishes {
  const valueOf = (name: string): string | undefined => {
    const arg = args.find((one) => one === name || one.startsWith(`${name}=`))
    return arg?.slice(name.length + 1)
  }
  const [changed, shuffle] = [valueOf('--changed'), valueOf('--shuffle')]
  const filters = args.filter((arg) => !arg.startsWith('--'))
  const unknown = args.filter((arg) => arg.startsWith('--') && !/^--(changed|shuffle)(=|$)/.test(arg))
  if (unknown.length > 0) throw new Error(`${unknown.join(', ')} is not known: see scripts/test.ts.`)
  const seed = shuffle === undefined ? undefined : Number(shuffle || Math.floor(Math.random() * 1e6))
  if (seed !== undefined)
    console.log(`The files run in the order of the seed ${seed}: npm test -- --shuffle=${seed}`)
  const affected = changed === undefined ? [] : affectedTests(changedFiles(changed || 'HEAD'))
  return { files: [...filters, ...affected], isPartial: filters.length > 0 || changed !== undefined, seed }
}

/** What differs from a commit, and what git does not know yet. Nothing where there is no repository. */
function changedFiles(since: string): string[] {
  if (!existsSync(join(ROOT, '.git'))) return []
  const git = (...args: string[]): string[] =>
    execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' })
      .split('\n')
      .filter((line) => line !== '')
  return [...git('diff', '--name-only', since), ...git('ls-files', '--others', '--exclude-standard')]
}
