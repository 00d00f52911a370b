import { formatDuration, plural } from '../../core/index.ts'
import type { Command } from 'commander'
import pc from 'picocolors'
import { loadConfig } from '../../config.ts'
import { examine, type Finding, readIdentity, scoreOf } from '../../monitor/index.ts'
import { type Finish, runWith } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import type { Session } from '../session.ts'

const MARKS = { error: pc.red('error  '), warning: pc.yellow('warning'), info: pc.blue('info   ') }

export function addDoctor(program: Command, finish: Finish): void {
  runWith(
    program
      .command('doctor')
      .description('check connection, version, extensions, rights, migrations; exit 3 on problems'),
    finish,
    runDoctor,
  )
}

async function runDoctor(session: Session): Promise<number> {
  const strays = await strayFindings(session)
  const holdfast = await session.connect()
  const { latencyMs } = await holdfast.pool.health()
  const identity = await readIdentity(holdfast.pool)
  const { pool, schema } = holdfast.config.database
  const context = {
    db: holdfast.pool,
    identity,
    schema,
    migrations: holdfast.migrations,
    connectionLimit: pool.size + pool.overflow,
  }
  const examination = await examine(context)
  const good = [
    `${holdfast.address} answers in ${formatDuration(latencyMs)} (PostgreSQL ${identity.version})`,
    ...examination.good,
  ]
  const findings = [...strays, ...examination.findings]
  session.out.result({ database: holdfast.address, score: scoreOf(findings), good, findings }, () =>
    [
      ...good.map((line) => `${pc.green('ok     ')} ${line}`),
      ...findings.map(render),
      verdict(findings),
    ].join('\n'),
  )
  return findings.some(({ severity }) => severity !== 'info') ? EXIT.findings : EXIT.ok
}

async function strayFindings(session: Session): Promise<Finding[]> {
  const { strays } = await loadConfig({ args: session.configInput() })
  return strays.map(({ name, suggestion }) => ({
    check: 'configuration',
    severity: 'warning',
    confidence: 'certain',
    subject: name,
    message: `The environment variable ${name} is not known and has no effect.`,
    evidence: { name },
    action: suggestion === undefined ? 'Remove it.' : `Rename it to ${suggestion}.`,
    sql: null,
    why: 'What is misspelled has no effect, and nobody notices.',
  }))
}

function verdict(findings: readonly Finding[]): string {
  const problems = findings.filter(({ severity }) => severity !== 'info').length
  return pc.bold(problems === 0 ? 'All is well.' : `${plural(problems, 'problem')} found.`)
}

function render({ severity, message, action, sql }: Finding): string {
  return [
    `${MARKS[severity]} ${message}`,
    `        ${pc.bold(action)}`,
    ...(sql === null ? [] : [`        ${pc.cyan(sql)}`]),
  ].join('\n')
}
