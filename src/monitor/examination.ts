import { isHoldfastError, messageOf, sqlstateOf } from '../core/index.ts'
import { CHECKS } from './checks.ts'
import type { CheckContext, Finding } from './finding.ts'

/** What every check found. */
export interface Examination {
  /** What is as it should be, in words. */
  readonly good: readonly string[]
  /** What is not, worst first. */
  readonly findings: readonly Finding[]
  /** 100 when nothing is wrong; see {@link scoreOf}. */
  readonly score: number
}

const RANK: Readonly<Record<Finding['severity'], number>> = { error: 0, warning: 1, info: 2 }
const COST: Readonly<Record<Finding['severity'], number>> = { error: 25, warning: 8, info: 0 }

/** Runs every check, one after another. A check that fails is a finding of its own; the others go on. */
export async function examine(context: CheckContext): Promise<Examination> {
  const good: string[] = []
  const findings: Finding[] = []
  for (const check of CHECKS) {
    const found = await check.run(context).catch((error: unknown) => [brokenCheck(check.id, error)])
    if (found?.length === 0) good.push(check.good)
    findings.push(...(found ?? []))
  }
  const sorted = findings.toSorted((a, b) => RANK[a.severity] - RANK[b.severity])
  return { good, findings: sorted, score: scoreOf(sorted) }
}

/** 100, less 25 for each error and 8 for each warning; never below 0. */
export function scoreOf(findings: readonly Finding[]): number {
  return Math.max(
    0,
    findings.reduce((score, { severity }) => score - COST[severity], 100),
  )
}

function brokenCheck(id: string, error: unknown): Finding {
  return {
    check: id,
    severity: 'error',
    subject: id,
    message: `The check could not be done: ${messageOf(error)}`,
    evidence: { code: isHoldfastError(error) ? error.code : (sqlstateOf(error) ?? null) },
    action: 'See the message.',
    sql: null,
  }
}
