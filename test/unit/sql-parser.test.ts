/** PostgreSQL's grammar as everything here uses it. */
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { sqlParser } from '../../src/core/index.ts'

const require = createRequire(import.meta.url)
const GRAMMAR = require.resolve('libpg-query')

test('statements that are nested too deeply leave the parser as it was', async () => {
  const deep = `SELECT 1${' UNION ALL SELECT 1'.repeat(20_000)}`
  const { fingerprint } = await sqlParser()
  const known = fingerprint('SELECT 1')
  // A parser that is not replaced takes nothing any more after some forty: here each is seen to be another one.
  const instances = new Set<unknown>()
  for (let n = 0; n < 3; n += 1) {
    const { parse } = await sqlParser()
    expect(() => parse(deep)).toThrow('it is nested too deeply')
    await sqlParser()
    instances.add(require.cache[GRAMMAR])
  }
  expect(instances.size).toBe(3)
  const parser = await sqlParser()
  expect(parser.fingerprint('SELECT 1')).toBe(known)
  expect(parser.parse('SELECT a FROM b').stmts).toHaveLength(1)
  expect(() => parser.parse('SELEC')).toThrow('syntax error')
})
