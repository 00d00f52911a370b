/**
 * Runs every statement of the linter's corpus on PostgreSQL 14 to 18 and writes down what each was seen to do:
 * `npm run measure:corpus`. The test holds the linter to this file, and the file to the servers.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startTestServer } from '../src/testing/index.ts'
import { examineCorpus } from '../test/support/lint-measuring.ts'

const VERSIONS = [14, 15, 16, 17, 18]
const byKey = new Map<string, Record<string, string>>()
for (const version of VERSIONS) {
  const server = await startTestServer(version === 18 ? {} : { version })
  for (const { entry, measured } of await examineCorpus(version, server)) {
    const key = entry.before ? `${entry.before}; ${entry.sql}` : entry.sql
    const seen = byKey.get(key) ?? {}
    seen[version] = measured
    byKey.set(key, seen)
  }
  console.error(`PostgreSQL ${version}: measured`)
}
// One word for all versions where they agree.
const lines = [...byKey].map(([statement, seen]) => {
  const all = new Set(Object.values(seen))
  const value = all.size === 1 && Object.keys(seen).length === VERSIONS.length ? [...all][0] : seen
  return `  ${JSON.stringify(statement)}: ${JSON.stringify(value)}`
})
const path = fileURLToPath(new URL('../test/support/lint-measured.json', import.meta.url))
writeFileSync(path, `{\n${lines.join(',\n')}\n}\n`)
