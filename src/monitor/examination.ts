import {
  inOneLine,
  isHoldfastError,
  messageOf,
  pasteable,
  quoteWhereNeeded,
  SQLSTATE,
  sqlstateOf,
} from '../core/index.ts'
import { CHECKS } from './checks.ts'
import type { ServerIdentity } from './queries.ts'
import type { Check, CheckContext, Finding, Found } from './finding.ts'

/** What every check found. */
export interface Examination {
  /** What is as it should be, in words. */
  readonly good: readonly string[]
  /** What is not, worst first. */
  readonly findings: readonly Finding[]
  /** What came of each check, by its id. `unknown`: it could not be done, or does not apply. */
  readonly outcomes: ReadonlyMap<string, 'good' | 'found' | 'unknown'>
  /** 100 when nothing is wrong; see {@link scoreOf}. */
  readonly score: number
}

const RANK: Readonly<Record<Finding['severity'], number>> = { error: 0, warning: 1, info: 2 }
const COST: Readonly<Record<Finding['severity'], number>> = { error: 25, warning: 8, info: 0 }

/** What is looked at beyond what always is. */
export interface Depth {
  /** Also what matters only where real users depend on it. Default false. */
  readonly production?: boolean | undefined
  /** Also what reads whole tables. Default false. */
  readonly deep?: boolean | undefined
}

/** Runs every check, one after another. A check that fails is a finding of its own; the others go on. */
export async function examine(context: CheckContext, depth: Depth = {}): Promise<Examination> {
  const good: string[] = []
  const findings: Finding[] = []
  const outcomes = new Map<string, 'good' | 'found' | 'unknown'>()
  for (const check of CHECKS) {
    if (check.scope !== undefined && depth[check.scope] !== true) continue
    const found = await check
      .run(context)
      .catch((error: unknown) => [brokenCheck(check.id, error, context.identity)])
    if (found?.length === 0) good.push(check.good)
    const isUntold = found === null || found.some((one) => one.isUntold)
    outcomes.set(check.id, isUntold ? 'unknown' : found.length === 0 ? 'good' : 'found')
    findings.push(...(found ?? []).map((one) => asFinding(check, one)))
  }
  const sorted = findings.toSorted((a, b) => RANK[a.severity] - RANK[b.severity])
  return { good, findings: sorted, outcomes, score: scoreOf(sorted) }
}

/** 100, less 25 for each error and 8 for each warning; never below 0. */
export function scoreOf(findings: readonly Pick<Finding, 'severity'>[]): number {
  return Math.max(
    0,
    findings.reduce((score, { severity }) => score - COST[severity], 100),
  )
}

function asFinding({ id, why }: Check, found: Found): Finding {
  const { severity, confidence = 'certain', subject, message, evidence, action, sql } = found
  return {
    check: id,
    severity,
    confidence,
    subject,
    // A name may hold what begins another line: what is said of it is one.
    message: inOneLine(message),
    evidence,
    action: inOneLine(action),
    sql: sql === null ? null : pasteable(sql),
    why,
  }
}

/** What is locked or too slow just now may be looked at later; what this role may not read is nobody's fault. */
function brokenCheck(id: string, error: unknown, { user }: ServerIdentity): Found {
  const code = isHoldfastError(error) ? error.code : (sqlstateOf(error) ?? null)
  const isDenied = code === SQLSTATE.insufficientPrivilege
  return {
    isUntold: true,
    severity: isDenied || code === 'HF_MONITOR_BUSY' ? 'info' : 'error',
    subject: id,
    message: `The check ${id} could not be done.`,
    evidence: { code, error: messageOf(error) },
    action: isDenied ? 'Have an administrator grant it, or live without.' : 'See why in its evidence.',
    sql: isDenied ? `GRANT pg_monitor TO ${quoteWhereNeeded(user)};` : null,
  }
}
