/**
 * Finds the test files that a change can break: those that reach a changed file through imports, through a path
 * that is named by `new URL(path, import.meta.url)`, or through what is built from it.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../', import.meta.url))

/** Files that every test stands on. A change here runs everything. */
const BELOW_EVERYTHING =
  /^(package(-lock)?\.json|vitest\.config\.ts|tsconfig[^/]*\.json|\.npmrc|db\/|scripts\/|test\/(support\/(global-setup|database)\.ts|servers\/))/

/** Files that a test reaches without naming them. */
const REACHED_OTHERWISE: readonly { readonly changed: RegExp; readonly tests: RegExp }[] = [
  { changed: /^dashboard\//, tests: /^(test\/browser|dashboard\/test)\// }, // served as it was built
  { changed: /./, tests: /^test\/unit\/tidy\.test\.ts$/ }, // reads the whole checkout
]

/** Every test file of the suite, relative to the root. */
export function testFiles(root = ROOT): string[] {
  const folders = ['test', 'dashboard/test', ...examplesOf(root)]
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) =>
        join(folder, path),
      ),
    )
    .filter((path) => path.endsWith('.test.ts') && !path.includes('node_modules'))
    .filter((path) => !path.startsWith('test/package/'))
    .toSorted()
}

/**
 * The test files that a change of these files can break. A file that nothing is known of may break everything.
 *
 * @param changed paths relative to the root, also of files that are gone
 */
export function affectedTests(changed: readonly string[], root = ROOT): string[] {
  const tests = testFiles(root)
  if (changed.some((path) => BELOW_EVERYTHING.test(path))) return tests
  const reached = new Map(tests.map((test) => [test, reachedFrom(join(root, test), root)]))
  const affected = new Set<string>()
  for (const path of changed) {
    const found = tests.filter((test) => reached.get(test)?.has(path))
    const otherwise = tests.filter((test) =>
      REACHED_OTHERWISE.some((rule) => rule.changed.test(path) && rule.tests.test(test)),
    )
    const isKnown = found.length > 0 || /^(dashboard|docs|bench|\.ci)\/|\.md$/.test(path)
    for (const test of isKnown ? [...found, ...otherwise] : tests) affected.add(test)
  }
  return tests.filter((test) => affected.has(test))
}

/** Files below the root that a file reaches, itself included, relative to the root. */
function reachedFrom(start: string, root: string): ReadonlySet<string> {
  const seen = new Set<string>()
  const waiting = [start]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path)) continue
    seen.add(path)
    waiting.push(...edgesOf(path, root))
  }
  return new Set([...seen].map((path) => relative(root, path)))
}

const edges = new Map<string, readonly string[]>()

function edgesOf(path: string, root: string): readonly string[] {
  const known = edges.get(path)
  if (known) return known
  const found = /\.(ts|tsx|mjs|js)$/.test(path) && existsSync(path) ? readEdges(path, root) : []
  edges.set(path, found)
  return found
}

const SPECIFIER = /(?:from|import\(|import|new URL\()\s*['"]([^'"]+)['"]/g

function readEdges(path: string, root: string): string[] {
  return [...readFileSync(path, 'utf8').matchAll(SPECIFIER)].flatMap(([, specifier = '']) => {
    if (/^holdfast(\/|$)/.test(specifier)) return [ownEntry(specifier, root)]
    const isPath = specifier.startsWith('.') || /\.(ts|json)$/.test(specifier)
    const target = isPath ? resolve(dirname(path), specifier) : ''
    return isPath && existsSync(target) && statSync(target).isFile() ? [target] : []
  })
}

/** `holdfast/pool`, as the examples import it, is `src/pool/index.ts`. */
function ownEntry(specifier: string, root: string): string {
  return join(root, 'src', specifier.slice('holdfast'.length), 'index.ts')
}

function examplesOf(root: string): string[] {
  const examples = join(root, 'examples')
  return existsSync(examples) ? readdirSync(examples).map((name) => join('examples', name, 'test')) : []
}
