/** Which test files a change can break. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { affectedTests, testFiles } from '../../scripts/import-graph.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()

function project(files: Readonly<Record<string, string>>): string {
  const root = scratch('graph')
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

const root = project({
  'src/pool/index.ts': "export { Pool } from './pool.ts'",
  'src/pool/pool.ts': 'export class Pool {}',
  'src/late.ts': '',
  'docs/api.json': '{}',
  'test/unit/tidy.test.ts': '',
  'test/unit/pool.test.ts': "import { Pool } from '../../src/pool/index.ts'",
  'test/unit/late.test.ts': "const late = await import('../../src/late.ts')",
  'test/unit/program.test.ts': "const BIN = new URL('../../src/late.ts', import.meta.url)",
  'test/unit/docs.test.ts': "read(new URL('../../docs/api.json', import.meta.url))",
  'test/browser/pages.test.ts': '',
  'examples/shop/test/shop.test.ts': "import '../src/main.ts'",
  'examples/shop/src/main.ts': "import { Pool } from 'holdfast/pool'",
})
const affected = (...changed: string[]): string[] =>
  affectedTests(changed, root).filter((path) => !path.endsWith('tidy.test.ts'))

test('a test is affected by what it imports, through any number of files, also late', () => {
  expect(affected('src/pool/pool.ts')).toEqual(['examples/shop/test/shop.test.ts', 'test/unit/pool.test.ts'])
  expect(affected('src/late.ts')).toEqual(['test/unit/late.test.ts', 'test/unit/program.test.ts'])
})

test('a test is affected by a file that it names by its place, and by itself', () => {
  expect(affected('docs/api.json')).toEqual(['test/unit/docs.test.ts'])
  expect(affected('test/unit/pool.test.ts')).toEqual(['test/unit/pool.test.ts'])
})

test('what the console is built from affects the tests in the browser; rules of the house are always looked at', () => {
  expect(affected('dashboard/src/main.tsx')).toEqual(['test/browser/pages.test.ts'])
  expect(affectedTests(['docs/guides/pool.md'], root)).toEqual(['test/unit/tidy.test.ts'])
})

test('what nothing is known of, and what everything stands on, affects everything', () => {
  for (const path of [
    'src/gone.ts',
    'package.json',
    'db/migrations/1/up.sql',
    'test/support/global-setup.ts',
  ])
    expect(affectedTests([path], root), path).toEqual(testFiles(root))
})
