/**
 * Does the suite find faults? Changes one line in each of twenty rooms, one after the other, and runs the tests that the
 * change can break until one fails.
 *
 *     npm run stress:faults -- --seed=1                      the faults of the seed 1
 *     npm run stress:faults -- --seed=1 --checkout=../old    the same faults, before another checkout's tests
 *
 * Works in the checkout that it is given, which must have no uncommitted changes, and puts each line back. Prints a line
 * for each fault; a fault that is not found is a test that is missing, or a change that changes nothing.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { randomFrom } from '../test/support/random.ts'
import { affectedTests } from './import-graph.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    checkout: { type: 'string', default: fileURLToPath(new URL('../', import.meta.url)) },
  },
})
const ROOT = resolve(values.checkout)

const ROOMS =
  'access admin admin/routes alerts cli/commands core embedded migrate/running migrate/lint monitor monitor/checks partitions partitions/convert pool pool/lanes query query/pages schema/reading storage testing'.split(
    ' ',
  )

/** Replacements within a line: each changes its meaning, and leaves code that still compiles. */
const CHANGES: readonly (readonly [RegExp, string])[] = [
  [/ === (?!undefined)/, ' !== '],
  [/ !== (?!undefined)/, ' === '],
  [/ && /, ' || '],
  [/ \|\| /, ' && '],
  [/ >= /, ' > '],
  [/ <= /, ' < '],
  [/ \+ 1\b/, ' + 2'],
  [/\breturn true\b/, 'return false'],
  [/\breturn false\b/, 'return true'],
  [/if \(!/, 'if ('],
]

/** A fault may make something wait for ever: whoever runs the tests sees that, too. */
const LONGEST_RUN_MS = 900_000

interface Fault {
  readonly room: string
  readonly path: string
  readonly line: number
  readonly before: string
  readonly after: string
}

if (execFileSync('git', ['status', '--porcelain', 'src'], { cwd: ROOT, encoding: 'utf8' }) !== '')
  throw new Error(`${ROOT} has uncommitted changes in src.`)
const reports = mkdtempSync(join(tmpdir(), 'holdfast-faults-'))
let run = 0
const random = randomFrom(Number(values.seed) * 2_654_435_761)
let found = 0
for (const room of ROOMS) {
  const fault = plan(room)
  const finder = findWith(fault)
  if (finder !== undefined) found += 1
  console.log(
    `${finder === undefined ? 'NOT FOUND' : 'found'}  ${fault.path}:${fault.line}  ${fault.after.trim()}  ${finder ?? ''}`,
  )
}
rmSync(reports, { recursive: true, force: true })
console.log(`${found} of ${ROOMS.length} found, seed ${values.seed}`)

/** A line of the room, and what becomes of it. */
function plan(room: string): Fault {
  const folder = join(ROOT, 'src', room)
  const candidates = readdirSync(folder)
    .filter((name) => name.endsWith('.ts') && name !== 'index.ts')
    .toSorted()
    .flatMap((name) => {
      const lines = readFileSync(join(folder, name), 'utf8').split('\n')
      return lines.flatMap((before, index) => {
        if (/^\s*(\*|\/\/|\/\*)|`|import /.test(before)) return []
        return CHANGES.filter(([pattern]) => pattern.test(before)).map(([pattern, text]) => ({
          room,
          path: `src/${room}/${name}`,
          line: index + 1,
          before,
          after: before.replace(pattern, text),
        }))
      })
    })
  const chosen = candidates[Math.floor(random() * candidates.length)]
  if (!chosen) throw new Error(`nothing in src/${room} can be changed`)
  return chosen
}

/** The file whose tests find the fault: those that are named like its room come first. */
function findWith({ room, path, line, after }: Fault): string | undefined {
  const file = join(ROOT, path)
  const text = readFileSync(file, 'utf8')
  writeFileSync(
    file,
    text
      .split('\n')
      .toSpliced(line - 1, 1, after)
      .join('\n'),
  )
  try {
    const tests = affectedTests([path], ROOT).filter((test) => !test.includes('tidy'))
    const words = [...room.split('/'), ...path.split('/').at(-1)!.replace('.ts', '').split('-')]
    const isNear = (test: string): boolean =>
      words.some((word) => word.length > 3 && test.includes(word.slice(0, 6)))
    const near = tests.filter(isNear)
    return failing(near) ?? failing(tests.filter((test) => !isNear(test)))
  } finally {
    writeFileSync(file, text)
  }
}

/** Undefined where all are good. */
function failing(tests: readonly string[]): string | undefined {
  if (tests.length === 0) return undefined
  const report = join(reports, `${(run += 1)}.json`)
  const args = ['run', '--bail=1', '--reporter=json', `--outputFile.json=${report}`, ...tests]
  const { status, signal } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', ...args], {
    cwd: ROOT,
    stdio: 'ignore',
    timeout: LONGEST_RUN_MS,
  })
  if (status === 0) return undefined
  if (signal !== null) return 'a run that did not end'
  if (!existsSync(report)) return 'the run itself'
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: { name: string; status: string; assertionResults: { status: string; title: string }[] }[]
  }
  const file = testResults.find((one) => one.status === 'failed')
  const test = file?.assertionResults.find((one) => one.status === 'failed')
  return `${file?.name.slice(ROOT.length + 1) ?? 'the run itself'}${test ? `: ${test.title}` : ''}`
}
