import { sqlParser } from '../../../core/index.ts'
import type { Node } from '@pgsql/types'
import { isTransactionCommand } from '../../format/statements.ts'
import { specialKindOf } from '../../format/special-statements.ts'
import { isNarrow, stringOf, visit, writtenName } from '../../format/tree.ts'
import { inferEffects } from '../effects.ts'
import { blockedBy } from '../locks.ts'
import { alterations, type Rule, type RuleContext, type ScriptCourse, steps, type Verdict } from '../rule.ts'

const LONGEST_NAME_BYTES = 63
const LONG_TIMEOUT_MS = 10_000

export const SCRIPT_RULES: readonly Rule[] = [
  {
    id: 'concurrently-in-transaction',
    title: 'What runs concurrently cannot run in a transaction.',
    check({ node, inTransaction }) {
      const kind = specialKindOf(node)
      if (kind === undefined || !inTransaction) return []
      return [
        {
          severity: 'error',
          message: `PostgreSQL refuses "${kind}" in a transaction, and each migration is one, also with a single statement.`,
          safe: '-- holdfast: transaction=off',
        },
      ]
    },
  },
  {
    id: 'transaction-command',
    title: 'BEGIN, COMMIT and ROLLBACK would end the transaction that the runner owns.',
    check: ({ statement }) =>
      isTransactionCommand(statement)
        ? [
            {
              severity: 'error',
              message:
                'What comes behind it would be applied without its history row; the runner refuses it.',
            },
          ]
        : [],
  },
  {
    id: 'missing-lock-timeout',
    title: 'Without a lock_timeout a statement that waits for its lock makes everybody wait behind it.',
    check: (context) => missingTimeout(context),
  },
  {
    id: 'enum-value-used',
    title: 'A new enum value cannot be used in the transaction that adds it.',
    check(context) {
      if (!context.inTransaction) return []
      const used = context.course.enumValues.find((value) => mentions(context.node, value))
      if (used === undefined) return []
      return [
        {
          severity: 'error',
          message: `'${used}' was added in this transaction and is not usable before it is committed (55P04).`,
          safe: '-- move this statement into a migration behind this one',
        },
      ]
    },
  },
  {
    id: 'update-whole-table',
    title: 'UPDATE or DELETE of a whole table holds its row locks and bloats it until the end.',
    check({ node, world }) {
      const body = 'UpdateStmt' in node ? node.UpdateStmt : 'DeleteStmt' in node ? node.DeleteStmt : undefined
      if (!body || world.isNew(world.nameOf(body.relation)) || isNarrow(body.whereClause)) return []
      return [
        {
          severity: 'warning',
          message: `Every row of ${writtenName(body.relation ?? {})} is locked until the migration ends, and stays behind as a dead one.`,
          safe: steps(
            '-- backfill.ts beside this migration does it in batches that wait for replicas and load:',
            "-- export default defineBackfill({ table: '" +
              writtenName(body.relation ?? {}) +
              "', key: 'id', batch: 'UPDATE ...' })",
          ),
        },
      ]
    },
  },
  {
    id: 'trigger-toggle',
    title: 'A disabled trigger does not run for anybody, not only for this session.',
    check: (context) =>
      alterations(
        context,
        'AT_DisableTrig',
        'AT_DisableTrigAll',
        'AT_DisableTrigUser',
        'AT_EnableTrig',
        'AT_EnableTrigAll',
        'AT_EnableTrigUser',
        'AT_EnableAlwaysTrig',
        'AT_EnableReplicaTrig',
      ).map(({ relation, cmd }) => ({
        severity: 'warning',
        message: `It locks ${writtenName(relation)} against writing, and changes what happens to everybody's writes${cmd.subtype?.startsWith('AT_Disable') ? '; DISABLE TRIGGER ALL switches off foreign keys, too' : ''}.`,
        safe: "-- for this session only: SET LOCAL session_replication_role = 'replica';",
      })),
  },
  {
    id: 'row-security-without-policy',
    title: 'Row security without a policy hides every row from everybody but the owner.',
    check: (context) =>
      [...alterations(context, 'AT_EnableRowSecurity'), ...alterations(context, 'AT_ForceRowSecurity')]
        .filter(({ table }) => !table?.hasPolicies)
        .map(({ relation }) => ({
          severity: context.world.isComplete ? ('error' as const) : ('warning' as const),
          message: `Until there is a policy, roles that do not own ${writtenName(relation)} see none of its rows.`,
          safe: '-- CREATE POLICY first, in the same migration',
        })),
  },
  {
    id: 'long-identifier',
    title: 'Names are cut after 63 bytes, silently.',
    async check({ statement }) {
      const names = await writtenIdentifiers(statement.text)
      return [...new Set(names)]
        .filter((name) => Buffer.byteLength(name) > LONGEST_NAME_BYTES)
        .map((name) => ({
          severity: 'warning' as const,
          message: `"${name}" has ${Buffer.byteLength(name)} bytes and becomes "${cut(name)}".`,
        }))
    },
  },
]

/** The runner sets lock_timeout itself; a script may undo that. */
function missingTimeout(context: RuleContext): Verdict[] {
  const { node, world, version, course, script } = context
  const { lock } = inferEffects(node, world, version).summary(world)
  if (lock === null || blockedBy(lock) === 'nothing' || blockedBy(lock) === 'schema changes') return []
  if (course.hasBlocked) return [] // told once
  const ms = course.lockTimeoutMs ?? script.directives.lockTimeoutMs
  if (ms === 0)
    return [
      {
        severity: 'warning',
        message: 'It waits for its lock without limit, and everybody who comes later waits behind it.',
        safe: "SET lock_timeout = '2s';",
      },
    ]
  return (ms ?? 0) > LONG_TIMEOUT_MS
    ? [
        {
          severity: 'warning',
          message: `Others may wait ${(ms ?? 0) / 1_000} s behind it. The runner tries again by itself: two seconds do.`,
        },
      ]
    : []
}

/** Notes what a statement did, for those behind it. */
export function follow(
  course: ScriptCourse,
  { node, world, version }: Pick<RuleContext, 'node' | 'world' | 'version'>,
): void {
  const { lock } = inferEffects(node, world, version).summary(world)
  if (lock !== null && ['writes', 'reads and writes'].includes(blockedBy(lock))) course.hasBlocked = true
  course.lockTimeoutMs = timeoutSet(node) ?? course.lockTimeoutMs
  if ('CreateEnumStmt' in node)
    course.newEnums.push(world.qualified((node.CreateEnumStmt.typeName ?? []).map(stringOf)))
  if (
    'AlterEnumStmt' in node &&
    node.AlterEnumStmt.oldVal === undefined &&
    !course.newEnums.includes(world.qualified((node.AlterEnumStmt.typeName ?? []).map(stringOf)))
  )
    course.enumValues.push(node.AlterEnumStmt.newVal ?? '')
}

/** Milliseconds that SET lock_timeout says. */
function timeoutSet(node: Node): number | undefined {
  if (!('VariableSetStmt' in node) || node.VariableSetStmt.name !== 'lock_timeout') return undefined
  const [value] = node.VariableSetStmt.args ?? []
  if (!value || !('A_Const' in value)) return 0
  if (value.A_Const.ival) return value.A_Const.ival.ival ?? 0
  const match = /^\s*(\d+)\s*(us|ms|s|min|h|d)?\s*$/.exec(value.A_Const.sval?.sval ?? '')
  const units: Readonly<Record<string, number>> = {
    us: 0.001,
    ms: 1,
    s: 1_000,
    min: 60_000,
    h: 3_600_000,
    d: 86_400_000,
  }
  return match ? Number(match[1]) * (units[match[2] ?? 'ms'] as number) : 0
}

function mentions(node: Node, value: string): boolean {
  let isThere = false
  visit(node, (name, one) => {
    if (name === 'A_Const' && (one as { sval?: { sval?: string } }).sval?.sval === value) isThere = true
  })
  return isThere
}

/** Identifiers of a statement as they were written: the parser has cut them already. */
async function writtenIdentifiers(text: string): Promise<string[]> {
  // A letter has four bytes at most.
  if (!/[^\s"'(),;]{16,}|"[^"]{16,}"/.test(text)) return []
  const { scan } = await sqlParser()
  const bytes = Buffer.from(text)
  const { tokens } = scan(text)
  return tokens
    .filter(({ tokenName }) => tokenName === 'IDENT')
    .map(({ start, end }) =>
      bytes
        .toString('utf8', start, end)
        .replace(/^"(.*)"$/s, '$1')
        .replaceAll('""', '"'),
    )
}

function cut(name: string): string {
  return new TextDecoder().decode(Buffer.from(name).subarray(0, LONGEST_NAME_BYTES)).replace(/\uFFFD$/, '')
}
