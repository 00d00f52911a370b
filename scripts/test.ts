/**
 * The whole suite, as `npm test` runs it: types, style, build, tests, the packed tarball. Every step runs, also
 * after one has failed; the last line counts.
 *
 * `npm test -- pool` runs only the test files whose path holds "pool".
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const MODULES = join(ROOT, 'node_modules')
const filters = process.argv.slice(2)
const reports = mkdtempSync(join(tmpdir(), 'holdfast-report-'))
let passed = 0
let failed = 0

function step(title: string, args: readonly string[]): boolean {
  console.log(`\n== ${title}`)
  const began = performance.now()
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' })
  console.log(
    `== ${title}: ${status === 0 ? 'good' : 'FAILED'} after ${((performance.now() - began) / 1_000).toFixed(1)} s`,
  )
  return status === 0
}

function checkTypes(project: string): boolean {
  return step(`types of ${project}`, [join(MODULES, 'typescript/bin/tsc'), '--noEmit', '-p', project])
}

function count(isGood: boolean): void {
  if (isGood) passed += 1
  else failed += 1
}

if (filters.length === 0) {
  for (const project of ['.', 'dashboard', 'test/browser']) count(checkTypes(project))
  count(step('lint', [join(MODULES, 'oxlint/bin/oxlint'), '--deny-warnings']))
  count(step('format', [join(MODULES, 'prettier/bin/prettier.cjs'), '--check', '--log-level', 'warn', '.']))
}
count(step('build', ['scripts/build.mjs']))
// They import the package as it was built.
if (filters.length === 0) count(checkTypes('examples'))

const report = join(reports, 'vitest.json')
const areGood = step('tests', [
  join(MODULES, 'vitest/vitest.mjs'),
  'run',
  ...filters,
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
])
const counts = readCounts(report)
passed += counts.passed
failed += counts.failed
// Something outside any test failed: an unhandled rejection, a set-up.
if (!areGood && counts.failed === 0) failed += 1

if (filters.length === 0) count(step('package', ['--test', 'test/package/package.test.ts']))

rmSync(reports, { recursive: true, force: true })
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

function readCounts(path: string): { passed: number; failed: number } {
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(path, 'utf8')) as {
      numPassedTests: number
      numFailedTests: number
    }
    return { passed: numPassedTests, failed: numFailedTests }
  } catch {
    return { passed: 0, failed: 0 } // it did not get as far as a report; the step itself has failed
  }
}
