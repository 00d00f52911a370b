import { expect, test } from 'vitest'
import { hideLiterals } from '../../src/core/index.ts'

test.each([
  [`SELECT 'a', $1, 42`, `SELECT '…', $1, 42`],
  [`CREATE ROLE r PASSWORD 'it''s'`, `CREATE ROLE r PASSWORD '…'`],
  // Standard strings end there, others do not.
  [String.raw`SELECT 'a\', 'b'`, `SELECT '…'…`],
  [String.raw`SELECT 'a\'b', ' FROM t`, `SELECT '…'…`],
  [String.raw`SELECT e'a'` + '\n' + String.raw`'b\'secret', 'c'`, `SELECT '…', '…'`],
  [String.raw`SELECT e'a' -- more` + '\r\n\n' + String.raw`  'b\'secret', 'c'`, `SELECT '…', '…'`],
  [`SELECT -- x\r'secret'`, `SELECT -- x\r'…'`],
  [String.raw`SELECT E'a\'b', 'c'`, `SELECT '…', '…'`],
  [`SELECT $$it's$$, $x$ $$ $x$, $2`, `SELECT '…', '…', $2`],
  [`SELECT "it's" FROM t -- it's\nWHERE n = 'x'`, `SELECT "it's" FROM t -- it's\nWHERE n = '…'`],
  [`SELECT /* it's */ 'x'`, `SELECT /* it's */ '…'`],
  [String.raw`SELECT 1e'a\' , 'x`, `SELECT 1'…'…`],
  [String.raw`SELECT 'a\'', 'secret'`, `SELECT '…'…`],
  [String.raw`INSERT INTO t VALUES ('the boys\'', 'secret')`, `INSERT INTO t VALUES ('…'…`],
  ["SELECT E'a' --x\n--y\r 'b\\'c', 'd'", `SELECT '…', '…'`],
  ["SELECT E'a'\n\u00a0'b\\' , 'c'", "SELECT '…'\n\u00a0'…'…"],
  ["SELECT E'a' --'", `SELECT '…' --'`],
  [`SELECT 'never ends`, `SELECT '…'`],
  [`SELECT $1::text || $2`, `SELECT $1::text || $2`],
  [`SELECT a$b$c, 'x' FROM t$$ WHERE n = $$y$$`, `SELECT a$b$c, '…' FROM t$$ WHERE n = '…'`],
  [`SELECT 1$$secret$$`, `SELECT 1'…'`],
  [String.raw`SELECT E'a\\', 'b', namE'c', 'd'`, `SELECT '…', '…', namE'…', '…'`],
  [`SELECT U&'a', N'b', B'1', "a""'b", 'c'`, `SELECT U&'…', N'…', B'…', "a""'b", '…'`],
  [`SELECT $é$a$e$ $é$, 'x'`, `SELECT '…', '…'`],
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

test('takes no longer than the text is long, whatever stands in it', () => {
  const tags = (count: number): string =>
    `/* ${Array.from({ length: count }, (_, at) => `$a${at}$`).join(' ')}`
  const words = (count: number): string => 'a$b$'.repeat(count)
  const dashes = (count: number): string => `SELECT E'a' ${'-'.repeat(count)}\nFROM t`
  const comments = (count: number): string => `SELECT E'a' ${'--x\n'.repeat(count)}`
  const open = (count: number): string => `${'/*'.repeat(count)} 'x`
  const timed = (text: string): number => {
    const began = performance.now()
    hideLiterals(text)
    return performance.now() - began
  }
  for (const build of [tags, words, open, dashes, comments]) {
    timed(build(20_000))
    // Quadratic, it would take a thousand times as long for 32 times as much.
    const [short, long] = [build(20_000), build(640_000)]
    const best = (text: string): number => Math.min(...Array.from({ length: 5 }, () => timed(text)))
    expect(best(long) / Math.max(0.2, best(short))).toBeLessThan(300)
  }
  expect(hideLiterals(`SELECT '${'x'.repeat(20_000_000)}', 1`)).toBe("SELECT '…', 1")
  expect(hideLiterals(`SELECT E'${'\\x'.repeat(10_000_000)}', 1`)).toBe("SELECT '…', 1")
})
