import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Examined, examineCorpus } from './lint-measuring.ts'
import { startServer } from './servers.ts'

const MEASURED = JSON.parse(readFileSync(new URL('lint-measured.json', import.meta.url), 'utf8')) as Record<
  string,
  string | Record<string, string>
>

/**
 * Where the measurement sees what the linter does not tell, and why that is right: docs/guides/lint.md says the same.
 */
const EXPLAINED: readonly RegExp[] = [
  /^TRUNCATE/, // its indexes are built anew, over no rows
  /; ALTER TABLE secrets ENABLE ROW LEVEL SECURITY/, // its lock was held already
]

/** The corpus on one version of PostgreSQL. */
export function describeCorpus(version: number): void {
  describe(`the corpus on PostgreSQL ${version}`, () => {
    let examined: Examined[] = []
    beforeAll(async () => {
      examined = await examineCorpus(version, await startServer({ version }))
    })

    test('has the statements that it claims to have, about half of them safe', () => {
      expect(examined.length).toBeGreaterThanOrEqual(230)
      const safe = examined.filter(({ entry }) => entry.rule === undefined).length
      expect(safe / examined.length).toBeGreaterThan(0.45)
    })

    test('every verdict is right', () => {
      const wrong = examined.flatMap(({ entry, findings }) => {
        const loud = findings.filter(({ severity }) => severity !== 'info').map(({ rule }) => rule)
        const isRight = entry.rule === undefined ? loud.length === 0 : loud.includes(entry.rule)
        return isRight
          ? []
          : [`${entry.sql}: expected ${entry.rule ?? 'nothing'}, got ${loud.join(', ') || 'nothing'}`]
      })
      expect(wrong).toEqual([])
    })

    test('each statement does what was written down', () => {
      const differing = examined.flatMap(({ entry, measured }) => {
        const key = entry.before ? `${entry.before}; ${entry.sql}` : entry.sql
        const known = MEASURED[key]
        const before = typeof known === 'string' ? known : known?.[version]
        return before === measured ? [] : [`${key}: was ${before}, is ${measured}`]
      })
      expect(differing).toEqual([])
    })

    test('what the linter infers is what is measured', () => {
      const differing = examined.flatMap(({ entry, inferred, measured }) => {
        const key = entry.before ? `${entry.before}; ${entry.sql}` : entry.sql
        const isExplained = measured.startsWith('fails: ') || EXPLAINED.some((pattern) => pattern.test(key))
        return isExplained || inferred === measured
          ? []
          : [`${key}: inferred ${inferred}, measured ${measured}`]
      })
      expect(differing).toEqual([])
    })

    test('a finding that is loud says how to do it safely, unless there is no such way', () => {
      const mute = examined.flatMap(({ findings }) =>
        findings.filter(({ safe, severity }) => safe === null && severity === 'error'),
      )
      expect([...new Set(mute.map(({ rule }) => rule))].toSorted()).toEqual(
        ['drop-database', 'transaction-command', 'truncate'].toSorted(),
      )
    })
  })
}
