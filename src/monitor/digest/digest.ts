import { plural } from '../../core/index.ts'
import { examine, scoreOf } from '../examination.ts'
import type { CheckContext, Finding } from '../finding.ts'
import { forecastInWords, readCapacity } from '../forecast/capacity.ts'
import { type Period, PERIODS, type Task, TASKS } from './tasks.ts'

/** One task, ticked off or not. */
export interface DigestTask {
  readonly period: Period
  readonly title: string
  /** `attention`: something was found. `unknown`: none of its checks could be done, or applies. */
  readonly state: 'done' | 'attention' | 'unknown'
  /** The checks that were made. */
  readonly checks: readonly string[]
  /** Those that could not be made, or do not apply. */
  readonly unknown: readonly string[]
  readonly findings: readonly Finding[]
}

/** What operators look at regularly, looked at. */
export interface Digest {
  readonly at: string
  readonly database: string
  readonly periods: readonly Period[]
  /** Of what these tasks found. */
  readonly score: number
  readonly tasks: readonly DigestTask[]
  /** What reaches its limit when, in words. */
  readonly capacity: readonly string[]
}

/** Periods up to this one: whoever looks monthly looks at what is daily and weekly, too. */
export const periodsUpTo = (period: Period): Period[] => PERIODS.slice(0, PERIODS.indexOf(period) + 1)

/** Does the tasks of these periods. With the quarterly ones it reads whole tables. */
export async function makeDigest(context: CheckContext, periods: readonly Period[]): Promise<Digest> {
  const { clock, history, identity, limits } = context
  const now = clock?.now() ?? Date.now()
  const examination = await examine(context, { production: true, deep: periods.includes('quarterly') })
  const tasks = TASKS.filter(({ period }) => periods.includes(period)).map((task) =>
    tick(task, examination.findings, examination.outcomes),
  )
  const forecasts = history ? await readCapacity(history, { diskBytes: limits?.diskBytes }, now) : []
  return {
    at: new Date(now).toISOString(),
    database: identity.database,
    periods,
    score: scoreOf(tasks.flatMap(({ findings }) => findings)),
    tasks,
    capacity: forecasts.map(forecastInWords),
  }
}

function tick(
  { period, title, checks }: Task,
  all: readonly Finding[],
  outcomes: ReadonlyMap<string, 'good' | 'found' | 'unknown'>,
): DigestTask {
  const findings = all.filter(({ check, severity }) => checks.includes(check) && severity !== 'info')
  const isMade = (check: string): boolean => (outcomes.get(check) ?? 'unknown') !== 'unknown'
  const [made, unknown] = [checks.filter(isMade), checks.filter((check) => !isMade(check))]
  const state = findings.length > 0 ? 'attention' : made.length > 0 ? 'done' : 'unknown'
  return { period, title, state, checks: made, unknown, findings }
}

const MARKS = { done: '[x]', attention: '[ ]', unknown: '[-]' } as const

/** For people, as a list to tick off in Markdown. */
export function digestInWords({ at, database, score, tasks, periods, capacity }: Digest): string {
  const open = tasks.filter(({ state }) => state === 'attention').length
  const lines = [
    `${database} on ${at.slice(0, 10)}: ${open === 0 ? 'all is well' : `${plural(open, 'thing')} to look at`}, score ${score} of 100.`,
  ]
  for (const period of periods) {
    const own = tasks.filter((task) => task.period === period)
    if (own.length > 0) lines.push('', `${period[0]?.toUpperCase()}${period.slice(1)}`, '')
    for (const { title, state, checks, unknown, findings } of own) {
      const why = state === 'unknown' ? 'does not apply, or could not be checked' : 'not known'
      const untold = unknown.length === 0 ? [] : [`${why}: ${unknown.join(', ')}`]
      lines.push(`- ${MARKS[state]} ${title} (${[...checks, ...untold].join(', ')})`)
      lines.push(
        ...findings.map(
          ({ message, action, sql }) => `  - ${message} ${action}${sql === null ? '' : ` \`${sql}\``}`,
        ),
      )
    }
  }
  if (capacity.length > 0) lines.push('', 'Capacity', '', ...capacity.map((one) => `- ${one}`))
  return lines.join('\n')
}

/** The same for the HTTP API and the command line. */
export const digestAsJson = ({ tasks, periods, capacity, ...digest }: Digest) => ({
  ...digest,
  periods: [...periods],
  capacity: [...capacity],
  tasks: tasks.map(({ checks, unknown, findings, ...task }) => ({
    ...task,
    checks: [...checks],
    unknown: [...unknown],
    findings: findings.map((one) => ({ ...one, evidence: { ...one.evidence } })),
  })),
})
