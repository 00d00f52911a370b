import { type Command, Option } from 'commander'
import { loadConfig } from '../../config.ts'
import { formatDuration, plural } from '../../core/index.ts'
import {
  type CheckContext,
  type Depth,
  digestAsJson,
  digestInWords,
  examine,
  type Finding,
  makeDigest,
  makeReport,
  type Period,
  PERIODS,
  periodsUpTo,
  REPORT_FORMATS,
  type ReportFormat,
  reportInWords,
  scoreOf,
} from '../../monitor/index.ts'
import { type Finish, runWith } from '../command.ts'
import { usage } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { checkContextOf, lookWith } from '../looking.ts'
import type { Session } from '../session.ts'
import { colours } from '../colours.ts'
import { type Lines, linesIn } from '../output.ts'

interface DoctorFlags extends Depth {
  full?: boolean
  format?: ReportFormat
  why?: boolean
  digest?: Period
}

const MARKS = {
  error: colours.red('error  '),
  warning: colours.yellow('warning'),
  info: colours.blue('info   '),
}
/** Reading whole tables takes as long as it takes; still nobody waits for it. */
const DEEP_TIMEOUT_MS = 600_000

export function addDoctor(program: Command, finish: Finish): void {
  runWith<DoctorFlags>(
    program
      .command('doctor')
      .description('what is wrong with the database, why, and the next step; exit 3 on problems')
      .option('--production', 'also what matters only where real users depend on it')
      .option('--deep', 'also what reads whole tables: damaged indexes, rows that refer to nothing')
      .option('--why', 'say of each finding why it matters')
      .option('--full', 'the whole report: connections, sizes, indexes, bloat, statements, findings')
      .addOption(
        new Option(
          '--digest <period>',
          'what operators look at so often, ticked off; up to that period',
        ).choices(PERIODS),
      )
      .addOption(
        new Option('--format <format>', 'of the whole report; default text').choices(REPORT_FORMATS),
      ),
    finish,
    runDoctor,
  )
}

async function runDoctor(session: Session, flags: DoctorFlags): Promise<number> {
  if (flags.full && flags.digest) throw usage('--full and --digest are two reports: one at a time')
  if (flags.format && !flags.full) throw usage('--format is of the whole report: with --full')
  const strays = await strayFindings(session)
  const looking = await lookWith(
    session,
    flags.deep || flags.digest === 'quarterly' ? DEEP_TIMEOUT_MS : undefined,
  )
  const { holdfast } = looking
  const { latencyMs } = await holdfast.pool.health()
  const context = await checkContextOf(looking)
  if (flags.full) return tellReport(session, context, flags)
  if (flags.digest) return tellDigest(session, context, flags.digest)
  const examination = await examine(context, flags)
  const good = [
    `${holdfast.address} answers in ${formatDuration(latencyMs)} (PostgreSQL ${context.identity.version})`,
    ...examination.good,
  ]
  const findings = [...strays, ...examination.findings]
  session.out.result({ database: holdfast.address, score: scoreOf(findings), good, findings }, () => [
    ...good.map((line) => `${colours.green('ok     ')} ${line}`),
    ...findings.map((finding) => render(finding, flags.why === true)),
    verdict(findings),
  ])
  return codeOf(findings)
}

async function tellReport(session: Session, context: CheckContext, flags: DoctorFlags): Promise<number> {
  const report = await makeReport(context, flags)
  session.out.result(report, (words) => linesIn(reportInWords(words, flags.format ?? 'text').trimEnd()))
  return codeOf(report.checks.findings)
}

async function tellDigest(session: Session, context: CheckContext, period: Period): Promise<number> {
  const digest = await makeDigest(context, periodsUpTo(period))
  session.out.result(digestAsJson(digest), () => linesIn(digestInWords(digest)))
  return digest.tasks.some(({ state }) => state === 'attention') ? EXIT.findings : EXIT.ok
}

const codeOf = (findings: readonly Finding[]): number =>
  findings.some(({ severity }) => severity !== 'info') ? EXIT.findings : EXIT.ok

async function strayFindings(session: Session): Promise<Finding[]> {
  const { strays } = await loadConfig({ args: session.configInput() })
  return strays.map(({ name, suggestion, isUnused }) => ({
    check: 'configuration',
    severity: isUnused ? 'info' : 'warning',
    confidence: 'certain',
    subject: name,
    message: `The environment variable ${name} ${isUnused ? 'has no effect yet: nothing reads it' : 'is not known and has no effect'}.`,
    evidence: { name },
    action: isUnused
      ? 'Leave it or remove it.'
      : suggestion === undefined
        ? 'Remove it.'
        : `Use ${suggestion} instead.`,
    sql: null,
    why: 'What is misspelled has no effect, and nobody notices.',
  }))
}

function verdict(findings: readonly Finding[]): string {
  const problems = findings.filter(({ severity }) => severity !== 'info').length
  return colours.bold(
    problems === 0
      ? 'All is well.'
      : `${plural(problems, 'problem')} found, score ${scoreOf(findings)} of 100.`,
  )
}

function render(
  { severity, confidence, message, evidence, action, sql, why }: Finding,
  isAsked: boolean,
): Lines {
  const doubt = confidence === 'certain' ? '' : colours.dim(` (${confidence})`)
  return [
    `${MARKS[severity]} ${message}${doubt}`,
    ...(typeof evidence.error === 'string' ? [`        ${evidence.error}`] : []),
    ...(isAsked ? [`        ${colours.dim(why)}`] : []),
    `        ${colours.bold(action)}`,
    ...(sql === null ? [] : linesIn(sql).map((line) => `        ${colours.cyan(line)}`)),
  ]
}
