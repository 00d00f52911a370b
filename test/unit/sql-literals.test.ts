import { expect, test } from 'vitest'
import { hideLiterals } from '../../src/core/index.ts'

test.each([
  [`SELECT 'a', $1, 42`, `SELECT '…', $1, 42`],
  [`CREATE ROLE r PASSWORD 'it''s'`, `CREATE ROLE r PASSWORD '…'`],
  [String.raw`SELECT 'a\', 'b'`, `SELECT '…', '…'`],
  [String.raw`SELECT E'a\'b', 'c'`, `SELECT '…', '…'`],
  [`SELECT $$it's$$, $x$ $$ $x$, $2`, `SELECT '…', '…', $2`],
  [`SELECT "it's" FROM t -- it's\nWHERE n = 'x'`, `SELECT "it's" FROM t -- it's\nWHERE n = '…'`],
  [`SELECT /* it's */ 'x'`, `SELECT /* it's */ '…'`],
  [`SELECT 'never ends`, `SELECT '…'`],
  [`SELECT $1::text || $2`, `SELECT $1::text || $2`],
])('%s', (text, shown) => {
  expect(hideLiterals(text)).toBe(shown)
})

test('what a comment holds opens nothing, and comments may hold others', () => {
  expect(hideLiterals("/* /* */ it's */ SELECT 'topsecret'")).toBe("/* /* */ it's */ SELECT '…'")
  expect(hideLiterals("SELECT 'a' /* don't */, 'b' -- it's\n, 'c'")).toBe(
    "SELECT '…' /* don't */, '…' -- it's\n, '…'",
  )
  expect(hideLiterals("SELECT 1 /* never 'ended")).toBe("SELECT 1 /* never 'ended")
})
