import { pasteable, plural } from '../../core/index.ts'
import type { Command } from 'commander'
import {
  accessAsJson,
  type AccessChange,
  type AccessPlan,
  applyAccess,
  planAccess,
} from '../../access/index.ts'
import { type Finish, runWith } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import type { Session } from '../session.ts'
import { colours } from '../colours.ts'
import { type Lines, linesIn } from '../output.ts'

/** Objects that a line names before it only counts. */
const NAMED = 3

export function addAccess(program: Command, finish: Finish): void {
  const access = program.command('access').description('roles, grants and default privileges as configured')

  runWith<{ sql?: boolean }>(
    access
      .command('plan')
      .description('what differs from the configured roles, and what would settle it; changes nothing')
      .option('--sql', 'print the statements, for somebody else to run'),
    finish,
    async (session, { sql }) => {
      const { plan, data } = await look(session)
      session.out.result(data, () =>
        sql === true && plan.blockedBy.length === 0 ? inSql(plan) : inWords(plan),
      )
      if (plan.groups.length > 0 && plan.blockedBy.length === 0)
        session.out.next(`holdfast access apply --plan ${plan.hash}`)
      return plan.blockedBy.length > 0 ? EXIT.findings : EXIT.ok
    },
  )

  runWith(
    access
      .command('check')
      .description('the same as a check: exit 3 when something differs from the configured roles'),
    finish,
    async (session) => {
      const { plan, data } = await look(session)
      session.out.result(data, () => inWords(plan))
      if (plan.groups.length > 0) session.out.next('holdfast access plan')
      return plan.groups.length > 0 || plan.blockedBy.length > 0 ? EXIT.findings : EXIT.ok
    },
  )

  runWith<{ plan?: string }>(
    access
      .command('apply')
      .description('make it so; what gives a role more than it has needs the plan that was looked at')
      .option('--plan <hash>', 'the plan that was looked at'),
    finish,
    async (session, flags) => {
      const { out } = session
      const holdfast = await session.connect()
      const { lockTimeoutMs, lockRetries } = holdfast.config.migrate
      const plan = await applyAccess(holdfast.access, {
        plan: flags.plan,
        lockTimeoutMs,
        lockRetries,
        recorder: holdfast.recorder,
        onProgress: (done, of, object) => {
          if (out.isInteractive) out.say(colours.dim(`${done + 1} of ${of}: ${object}`))
        },
      })
      const changes = plan.groups.flatMap((group) => group.changes)
      out.result({ database: holdfast.address, ...accessAsJson(plan) }, () =>
        changes.length === 0
          ? 'Nothing to do: the rights are as configured.'
          : `${plural(changes.length, 'change')} done; the rights are as configured.`,
      )
      if (plan.newLogins.length > 0 && !out.isJson)
        out.say(
          `No password is set for ${plan.newLogins.join(', ')}: set one each, as with psql's \\password.`,
        )
      out.next('holdfast access check')
    },
  )
}

async function look(session: Session) {
  const holdfast = await session.connect()
  const plan = await planAccess(holdfast.access)
  return { plan, data: { database: holdfast.address, ...accessAsJson(plan) } }
}

function inSql({ groups, hash }: AccessPlan): Lines {
  return [
    `-- Plan ${hash}`,
    ...groups.flatMap(({ object, changes }) => [
      `-- ${object}`,
      'BEGIN;',
      "SET LOCAL lock_timeout = '2s';",
      ...changes.map(({ statement }) => linesIn(`${pasteable(statement)};`)),
      'COMMIT;',
    ]),
  ]
}

function inWords(plan: AccessPlan): Lines {
  const changes = plan.groups.flatMap((group) => group.changes)
  const all = changes.length === 0 ? '' : ' Every statement: --sql, every object: --json.'
  return [
    ...(changes.length === 0 && plan.blockedBy.length === 0
      ? ['The rights are as configured.']
      : together(changes)),
    ...plan.blockedBy.map((reason) => colours.red(`Blocked: ${reason}.`)),
    ...plan.warnings.map((warning) => colours.red(warning)),
    ...plan.notes.map((note) => colours.dim(note)),
    ...(changes.length === 0 ? [] : [`${plural(changes.length, 'difference')}. Plan ${plan.hash}.${all}`]),
  ]
}

/** The same for many objects is one line. */
function together(changes: readonly AccessChange[]): string[] {
  const lines = new Map<string, { first: AccessChange; objects: string[] }>()
  for (const change of changes) {
    const key = [change.effect, change.role, change.what, change.statement.split(' ')[0]].join('\0')
    const line = lines.get(key) ?? { first: change, objects: [] }
    line.objects.push(change.object)
    lines.set(key, line)
  }
  return [...lines.values()].map(({ first, objects }) => {
    const sign = first.effect === 'widens' ? colours.yellow('+') : colours.red('-')
    if (objects.length === 1) return `${sign} ${first.words}`
    const rest = objects.length > NAMED ? ` and ${objects.length - NAMED} more` : ''
    const verb = first.effect === 'narrows' ? 'has too much' : 'lacks'
    return `${sign} ${first.role} ${verb}: ${first.what} on ${objects.slice(0, NAMED).join(', ')}${rest}`
  })
}
