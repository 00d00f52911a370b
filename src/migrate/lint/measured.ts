import { readMigrations } from '../format/folder.ts'
import type { Script } from '../format/script.ts'
import { installSchema, userHistory } from '../own-schema.ts'
import { stamp } from '../running/books.ts'
import { migrateUp } from '../running/up.ts'
import { type ScratchOptions, withScratch } from '../structure/scratch.ts'
import type { LintFinding } from './finding.ts'
import { Linter, type LintedStatement, type LintOptions } from './lint.ts'
import { blockedBy } from './locks.ts'
import { type Measurement, Measurer } from './measure.ts'
import { RULES } from './rules.ts'

/** What is measured. */
export interface MeasureOptions extends ScratchOptions, LintOptions {
  /** Folder of the migrations that build what the scripts run on. */
  readonly directory: string
}

/**
 * Looks at scripts, runs them on a scratch database that the folder's other migrations built, and reports what was
 * seen: measured beats inferred. A script of the folder runs in its place, any other one behind all.
 *
 * @throws HF_EMBEDDED_PACKAGE_MISSING, and whatever running the migrations before them throws
 */
export async function lintMeasured(
  scripts: readonly Script[],
  options: MeasureOptions,
): Promise<LintFinding[]> {
  const linter = await Linter.create(options)
  const linted = new Map<Script, readonly LintedStatement[]>()
  for (const script of scripts) linted.set(script, await linter.lint(script))
  return withScratch(options, async (scratch) => {
    const url = await scratch.create()
    await installSchema(url, 'holdfast', {})
    const target = { url, directory: options.directory, history: userHistory('holdfast') }
    const measurer = await Measurer.open(url)
    const findings: LintFinding[] = []
    const waiting = new Map(scripts.map((script) => [script.path, script]))
    try {
      for (const { id, up } of readMigrations(options.directory)) {
        const script = waiting.get(up.path)
        if (script === undefined || script.language === 'typescript') {
          await migrateUp(target, { to: id, allowOutOfOrder: true, contractGraceMs: 0 })
          continue
        }
        waiting.delete(up.path)
        findings.push(...(await measureScript(measurer, script, linted.get(script) ?? [])))
        await stamp(target, id, { reason: 'measured' })
      }
      for (const script of waiting.values())
        findings.push(...(await measureScript(measurer, script, linted.get(script) ?? [])))
      return findings
    } finally {
      await measurer.close()
    }
  })
}

async function measureScript(
  measurer: Measurer,
  script: Script,
  linted: readonly LintedStatement[],
): Promise<LintFinding[]> {
  await measurer.beginScript()
  const allowed = new Set(script.directives.allows.map(({ rule }) => rule))
  const findings: LintFinding[] = []
  for (const one of linted) {
    const measurement = await measurer.measure(one.statement)
    findings.push(...corrected(script, one, measurement).filter(({ rule }) => !allowed.has(rule)))
  }
  return findings
}

/** What was inferred, set right by what was seen. */
function corrected(
  script: Script,
  { statement, findings }: LintedStatement,
  seen: Measurement,
): LintFinding[] {
  const isAboutWork = new Set(RULES.filter((rule) => rule.isAboutWork).map(({ id }) => id))
  const { lock } = seen
  const what = lock === null ? 'nothing' : blockedBy(lock)
  const facts = {
    lock,
    blocks:
      what === 'nothing'
        ? null
        : { tables: Object.keys(seen.locks).filter((name) => seen.locks[name] === lock), what },
    scans: seen.scans ?? false,
    rewrites: seen.rewrites,
    evidence: 'measured' as const,
  }
  const extra = (rule: string, message: string): LintFinding => ({
    rule,
    file: script.path,
    line: statement.line,
    statement: statement.text.slice(0, 300),
    severity: 'error',
    message,
    safe: null,
    ...facts,
  })
  if (seen.error !== null)
    return [...findings, extra('measured-failure', `It fails on a scratch database: ${seen.error}.`)]
  const kept = findings
    .filter(({ rule }) => seen.scans === null || seen.scans || seen.rewrites || !isAboutWork.has(rule))
    .map((finding) =>
      seen.scans === null ? { ...finding, ...facts, scans: finding.scans } : { ...finding, ...facts },
    )
  const isWork = seen.rewrites || (seen.scans === true && (what === 'writes' || what === 'reads and writes'))
  const isTold = kept.some(({ severity }) => severity !== 'info')
  if (!isWork || isTold) return kept
  return [
    ...kept,
    extra(
      'measured-work',
      `A table is ${seen.rewrites ? 'written anew' : 'read from end to end'} under a lock that stops ${what}.`,
    ),
  ]
}
