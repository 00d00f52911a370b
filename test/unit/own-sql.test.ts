/** Where SQL of Holdfast's own may be run: only behind doors that leave nothing but the catalog in its path. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const SRC = new URL('../../src/', import.meta.url).pathname
const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({
    path,
    code: readFileSync(join(SRC, path), 'utf8')
      .replaceAll(/\/\*[\s\S]*?\*\//g, '')
      .replaceAll(/^\s*\/\/.*$/gm, ''),
  }))
const having = (pattern: RegExp): string[] =>
  sources
    .filter(({ code }) => pattern.test(code))
    .map(({ path }) => path)
    .toSorted()

test('connections are opened in a few places, each of which sets the path or is the service’s own', () => {
  // The pool itself; direct clients; the embedded server and a test server before anybody else is on them.
  expect(having(/\bnew pg\.Client\(/)).toEqual([
    'embedded/server.ts',
    'pool/servers/open-client.ts',
    'testing/test-server.ts',
  ])
  expect(having(/\bopenClient\(/)).toEqual([
    'pool/lease.ts',
    'pool/servers/direct-client.ts',
    'pool/servers/open-client.ts',
  ])
  expect(having(/\.sibling\(/)).toEqual([
    'admin/admin.ts',
    'admin/routes/activity.ts',
    'monitor/explain/explain.ts',
    'monitor/reader.ts',
    'pool/replicas/watcher.ts',
  ])
  expect(having(/\bnew Pool\(/)).toEqual([
    'admin/openapi.ts', // connects to nothing
    'holdfast.ts',
    'monitor/collect/collector.ts',
    'pool/pool.ts',
    'prometheus/errors.ts', // words of a message
  ])
})

test('nobody but the pool asks on the pool as it is', () => {
  expect(having(/\bpool\.query\(/).filter((path) => !path.startsWith('pool/'))).toEqual([
    'monitor/explain/explain.ts', // one function, qualified
    'query/connection.ts', // the service's own statements
  ])
})

/** Sessions of the service, whose path is the service's: each name of ours is qualified in them. */
const IN_SESSIONS_OF_THE_SERVICE = /^(pool|query)\//

test('what is asked in sessions of the service names the catalog', () => {
  const functions =
    /(?<![\w.$])(pg_[a-z_]+|current_setting|set_config|current_database|format_type|has_[a-z_]+_privilege|row_security_active|to_reg[a-z]+|txid_[a-z_]+)\(/g
  const tables =
    /\b(?:FROM|JOIN) (pg_(?:class|roles|database|namespace|attribute|policy|proc|depend|constraint|rewrite|type|index|settings)\b)/g
  const found = sources
    .filter(({ path }) => IN_SESSIONS_OF_THE_SERVICE.test(path))
    .flatMap(({ path, code }) =>
      [...code.matchAll(functions), ...code.matchAll(tables)].map(([, name]) => `${path}: ${name}`),
    )
  expect(found).toEqual([
    'query/tenancy/tenancy.ts: current_setting', // text of a policy, for a migration
  ])
})

test('and its operators: a bare one is looked up by the path, as a function is', () => {
  const strings = /`(?:[^`\\]|\\.)*`|'(?:[^'\\\n]|\\.)*'/g
  const operators =
    /(?:[\w)"'\]] |::\w+ )(=|<>|<=|>=|<|>|\|\||!?~\*?|[*+/-]) (?=[\w('"$[])|\bIN \(|\bnullif\(|\bBETWEEN\b/gi
  const found = sources
    .filter(({ path }) => IN_SESSIONS_OF_THE_SERVICE.test(path))
    .flatMap(({ path, code }) =>
      [...code.matchAll(strings)]
        .map(([text]) => text)
        .filter((text) => /\bpg_catalog\.|\bFROM pg_/.test(text) && /\b(SELECT|WHERE|AS)\b/.test(text))
        .flatMap((text) => [...text.matchAll(operators)].map(([operator]) => `${path}: ${operator}`)),
    )
  expect(found).toEqual([])
})
