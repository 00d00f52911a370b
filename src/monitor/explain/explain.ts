import type { Clock } from '../../core/index.ts'
import {
  confinedHand,
  type Hand,
  isHoldfastError,
  messageOf,
  OWN_PATH,
  quoteLiteral,
  schemasOf,
  sqlParser,
  SQLSTATE,
  sqlstateOf,
  within,
} from '../../core/index.ts'
import type { Pool, PooledClient } from '../../pool/index.ts'
import { explainRefused, explainRoleRefused, readingBusy, statementUnknown } from '../errors.ts'
import { findStatementSource } from '../statements/source.ts'
import { type PlanNode, type RawNode, readPlan, remarksOn } from './plan.ts'

/** Which statement is explained, and how. */
export interface ExplainInput {
  /** Its text, with $1 and so on for values; or instead its queryid. */
  readonly text?: string | undefined
  readonly id?: string | undefined
  /** The values of $1 and so on. Without them the plan is the one for any values. */
  readonly values?: readonly unknown[] | undefined
  /** Runs it, to measure: in a transaction that may write nothing and is rolled back. Default false. */
  readonly analyze?: boolean | undefined
  /** What it may take. Default 10 s. */
  readonly timeoutMs?: number | undefined
}

/** How PostgreSQL does a statement. */
export interface Explanation {
  readonly text: string
  /** Whether the statement was run. */
  readonly isMeasured: boolean
  /** For these values, or `generic`: for any. */
  readonly kind: 'generic' | 'for these values'
  readonly planningMs: number | null
  readonly executionMs: number | null
  readonly plan: PlanNode
  /** What is worth a word, the costliest first. */
  readonly remarks: readonly string[]
}

const TIMEOUT_MS = 10_000
/** Whoever holds a table for himself is not waited for. */
const LOCK_TIMEOUT_MS = 1_000
const GENERIC_PLAN_SINCE = 160_000
/** What EXPLAIN takes. */
const EXPLAINED = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'])

/**
 * Asks PostgreSQL how it would do a statement, or with `analyze` how it did. The transaction may not write and is rolled back. What
 * the planner works out, and what the statement calls, are functions of others: so it is planned with the rights of the role that ran
 * it, and as a superuser only where nobody else has made anything. On a connection of its own, whose session is ended when it takes
 * too long.
 *
 * @throws HF_MONITOR_STATEMENT_UNKNOWN, HF_MONITOR_EXPLAIN_REFUSED, HF_MONITOR_EXPLAIN_ROLE, HF_MONITOR_BUSY
 */
export async function explain(pool: Pool, clock: Clock, input: ExplainInput): Promise<Explanation> {
  const { timeoutMs = TIMEOUT_MS } = input
  const own = pool.sibling({ size: 1, overflow: 0, allowExitOnIdle: true })
  try {
    const client = await own.connect()
    try {
      await client.query(
        `BEGIN; SET LOCAL statement_timeout = ${timeoutMs}; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}; SET LOCAL standard_conforming_strings = on`,
      )
      const path = await ownPathInsteadOf(client)
      const source = await sourceOf(client, input)
      const parsed = await oneStatement(source.text)
      const hand = await handOf(client, source, path)
      await client.query('SET TRANSACTION READ ONLY')
      const late = (): Error => readingBusy(`no answer within ${(timeoutMs + 1_000) / 1_000} s`)
      return await within(clock, timeoutMs + 1_000, explainWith(hand, source, parsed, input), late)
    } finally {
      // The session ends with all that it had: nothing of it stays, also not what goes on after it was cancelled.
      await ended(client, pool)
      client.release(true)
    }
  } catch (error) {
    throw understand(error, timeoutMs)
  } finally {
    await own.end({ timeoutMs: 1_000 })
  }
}

/** Nothing but the catalog in the path from here on. @returns the schemas of the path that the session came with */
async function ownPathInsteadOf(client: PooledClient): Promise<string[]> {
  const { rows } = await client.query<{ path: string }>(
    `SELECT pg_catalog.current_setting('search_path') AS path`,
  )
  await client.query(`SET LOCAL search_path = ${OWN_PATH}`)
  return schemasOf(rows[0]?.path ?? '')
}

/** What is explained, and who ran it. */
interface Source {
  readonly text: string
  readonly role: string
  readonly isSuper: boolean
  readonly versionNumber: number
}

/** With whose rights it is planned. @throws HF_MONITOR_EXPLAIN_ROLE */
async function handOf(
  client: PooledClient,
  { role, isSuper }: Source,
  path: readonly string[],
): Promise<Hand> {
  if (isSuper && (await othersMadeSomething(client)))
    throw explainRoleRefused(role, 'it is a superuser, and others own objects in this database')
  try {
    const hand = await confinedHand(client, role, [...path.filter((name) => name !== 'pg_temp'), 'pg_temp'])
    // As whom the session is anyhow, with the path that it came with.
    if (!hand.isConfined) await client.query('SET LOCAL search_path TO DEFAULT')
    return hand
  } catch (error) {
    const reasons: Readonly<Record<string, string>> = {
      [SQLSTATE.insufficientPrivilege]: 'the role of this session may not act as that one',
      [SQLSTATE.readOnlySqlTransaction]: 'on a standby no other role can be acted as',
    }
    const why = reasons[sqlstateOf(error) ?? '']
    throw why === undefined ? error : explainRoleRefused(role, why, error)
  }
}

/** Whether anything here, and so any function, belongs to somebody who is no superuser. */
async function othersMadeSomething(client: PooledClient): Promise<boolean> {
  const { rows } = await client.query<{ has: boolean }>(
    `SELECT EXISTS (
       SELECT FROM (SELECT proowner AS owner FROM pg_proc UNION SELECT oprowner FROM pg_operator UNION SELECT relowner FROM pg_class UNION SELECT typowner FROM pg_type
                      UNION SELECT CASE nspowner WHEN 6171 THEN (SELECT datdba FROM pg_database WHERE datname = current_database()) ELSE nspowner END FROM pg_namespace) o
         LEFT JOIN pg_roles r ON r.oid = o.owner WHERE r.rolsuper IS NOT TRUE) AS has`,
  )
  return rows[0]?.has !== false
}

async function explainWith(
  hand: Hand,
  { versionNumber }: Source,
  { text, parameters }: Parsed,
  { values = [], analyze = false }: ExplainInput,
): Promise<Explanation> {
  if (values.length > 0 && values.length !== parameters)
    throw explainRefused(`it has ${parameters} parameters, and ${values.length} values were given`)
  const isGeneric = parameters > 0 && values.length === 0
  if (isGeneric && analyze)
    throw explainRefused('to run it, values are needed for its parameters: --value for each, in their order')
  const knowsGeneric = versionNumber >= GENERIC_PLAN_SINCE
  const options = [
    ...(analyze ? ['ANALYZE', 'BUFFERS', 'TIMING'] : []),
    ...(isGeneric && knowsGeneric ? ['GENERIC_PLAN'] : []),
    'VERBOSE',
    'FORMAT JSON',
  ].join(', ')
  const raw =
    parameters === 0 || (isGeneric && knowsGeneric)
      ? await planOf(hand, `EXPLAIN (${options}) ${text}`)
      : await planOfPrepared(hand, text, isGeneric ? Array(parameters).fill(null) : values, options)
  const plan = readPlan(raw.Plan)
  return {
    text,
    isMeasured: analyze,
    kind: isGeneric ? 'generic' : 'for these values',
    planningMs: raw['Planning Time'] ?? null,
    executionMs: raw['Execution Time'] ?? null,
    plan,
    remarks: remarksOn(plan),
  }
}

/** A session that has not come to its end is told to. */
async function ended(client: PooledClient, pool: Pool): Promise<void> {
  const { processID, readyForQuery } = client as unknown as {
    processID: number | null
    readyForQuery: boolean
  }
  if (readyForQuery || processID === null) return
  await pool.query('SELECT pg_catalog.pg_terminate_backend($1)', [processID]).catch(() => {}) // it ends with its connection
}

interface RawPlan {
  readonly Plan: RawNode
  readonly 'Planning Time'?: number
  readonly 'Execution Time'?: number
}

async function planOf(hand: Hand, sql: string): Promise<RawPlan> {
  const rows = await hand.rows<{ 'QUERY PLAN': readonly RawPlan[] }>(sql)
  const [plan] = rows[0]?.['QUERY PLAN'] ?? []
  if (!plan) throw explainRefused('PostgreSQL gave no plan')
  return plan
}

/** With values, or before 16 for any: as a prepared statement, whose parameters have the types that it wants. */
async function planOfPrepared(
  hand: Hand,
  text: string,
  values: readonly unknown[],
  options: string,
): Promise<RawPlan> {
  const isGeneric = values.every((value) => value === null)
  await hand.run(`SET LOCAL plan_cache_mode = force_${isGeneric ? 'generic' : 'custom'}_plan`)
  await hand.run(`PREPARE holdfast_explained AS ${text}`)
  const literals = values.map((value) => (value === null ? 'NULL' : quoteLiteral(textOfValue(value))))
  return planOf(hand, `EXPLAIN (${options}) EXECUTE holdfast_explained(${literals.join(', ')})`)
}

/** As the driver would write it. */
const textOfValue = (value: unknown): string =>
  typeof value === 'object' ? JSON.stringify(value) : String(value)

/** The greatest $n of a parsed statement. */
const countParameters = (tree: unknown): number =>
  Math.max(
    0,
    ...[...JSON.stringify(tree).matchAll(/"ParamRef":\{"number":(\d+)/g)].map(([, number]) => Number(number)),
  )

/** pg_stat_statements puts $1 where the grammar takes a string only: `interval $1` for `interval '1 day'`. */
const withCasts = (text: string): string =>
  text.replaceAll(/\b(interval|date|time|timetz|timestamp|timestamptz)\s+(\$\d+)\b/gi, '$2::$1')

interface Parsed {
  readonly text: string
  /** How many values it takes. */
  readonly parameters: number
}

/** Exactly one statement of those that have a plan: nothing else gets to the server behind EXPLAIN. */
async function oneStatement(given: string): Promise<Parsed> {
  const whole = withCasts(given)
  const { parse } = await sqlParser()
  let statements: { readonly stmt?: object }[]
  try {
    statements = parse(whole).stmts ?? []
  } catch (error) {
    throw explainRefused(
      `PostgreSQL's grammar does not take it (${messageOf(error)}); where statistics have cut it short, or have $1 for a word of the grammar, give the whole text`,
    )
  }
  const [kind] = Object.keys(statements[0]?.stmt ?? {})
  if (statements.length !== 1 || kind === undefined || !EXPLAINED.has(kind))
    throw explainRefused('one SELECT, INSERT, UPDATE, DELETE or MERGE can be explained, and nothing else')
  return { text: whole.trim().replace(/;\s*$/, ''), parameters: countParameters(statements) }
}

/** Of a statement that several roles ran, one that is no superuser. */
async function sourceOf(client: PooledClient, { text: given, id = '' }: ExplainInput): Promise<Source> {
  const { rows: sessions } = await client.query<Omit<Source, 'text'>>(
    `SELECT rolname::text AS role, rolsuper AS "isSuper", current_setting('server_version_num')::int AS "versionNumber"
       FROM pg_roles WHERE rolname = current_user`,
  )
  const session = sessions[0] as Omit<Source, 'text'>
  if (given !== undefined) return { ...session, text: given }
  if (!/^-?\d{1,20}$/.test(id)) throw statementUnknown(id)
  const source = await findStatementSource(client)
  if (source.state !== 'collecting') throw statementUnknown(id, source.state)
  const { rows } = await client.query<{ query: string | null; role: string | null; isSuper: boolean | null }>(
    `SELECT s.query, r.rolname::text AS role, r.rolsuper AS "isSuper"
       FROM ${source.schema}.pg_stat_statements s LEFT JOIN pg_roles r ON r.oid = s.userid
      WHERE s.queryid = $1::bigint AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.query IS NOT NULL
      ORDER BY r.rolname IS DISTINCT FROM $2, r.rolsuper NULLS LAST, s.calls DESC LIMIT 1`,
    [id, session.isSuper ? null : session.role],
  )
  const [found] = rows
  if (!found?.query) throw statementUnknown(id)
  if (found.role === null || found.isSuper === null)
    throw explainRoleRefused('a role that is gone', 'nobody has its rights any more')
  return { ...session, text: found.query, role: found.role, isSuper: found.isSuper }
}

function understand(error: unknown, timeoutMs: number): unknown {
  if (isHoldfastError(error)) return error
  switch (sqlstateOf(error)) {
    case SQLSTATE.queryCanceled:
      return readingBusy(`it took longer than ${timeoutMs / 1_000} s, which --timeout raises`, error)
    case SQLSTATE.lockNotAvailable:
      return readingBusy('somebody holds a table that it reads', error)
    case SQLSTATE.readOnlySqlTransaction:
      return explainRefused(
        'it writes, and is only run where nothing can be written: explain it without ANALYZE',
        error,
      )
    case SQLSTATE.syntaxError:
      return explainRefused(
        `${messageOf(error)}; where $1 stands for a word of the grammar, give it with --sql`,
        error,
      )
    case undefined:
      return error
    default:
      return explainRefused(messageOf(error), error)
  }
}
