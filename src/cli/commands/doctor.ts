import type { Command } from 'commander'
import pc from 'picocolors'
import { loadConfig } from '../../config.ts'
import { isHoldfastError, messageOf, sqlstateOf } from '../../core/index.ts'
import { CHECKS, type Finding, readIdentity } from '../../monitor/index.ts'
import { type Finish, runWith } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { formatDuration, plural } from '../output.ts'
import type { Session } from '../session.ts'

const MARKS = { error: pc.red('error  '), warning: pc.yellow('warning'), info: pc.blue('info   ') }

export function addDoctor(program: Command, finish: Finish): void {
  runWith(
    program
      .command('doctor')
      .description('check connection, version, extensions, rights, migrations; exit 3 on problems'),
    finish,
    examine,
  )
}

async function examine(session: Session): Promise<number> {
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
  const good = [
    `${holdfast.address} answers in ${formatDuration(latencyMs)} (PostgreSQL ${identity.version})`,
  ]
  const findings = [...strays]
  for (const check of CHECKS) {
    const found = await check.run(context).catch((error: unknown) => [brokenCheck(check.id, error)])
    if (found?.length === 0) good.push(check.good)
    findings.push(...(found ?? []))
  }
  session.out.result({ database: holdfast.address, good, findings }, () =>
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
    subject: name,
    message: `The environment variable ${name} is not known and has no effect.`,
    evidence: { name },
    action: suggestion === undefined ? 'Remove it.' : `Rename it to ${suggestion}.`,
    sql: null,
  }))
}

/** A check that could not be done is a finding of its own; the others go on. */
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
