import type { Clock } from '../../core/index.ts'
import { isHoldfastError, messageOf, sqlParser, SQLSTATE, sqlstateOf, within } from '../../core/index.ts'
import type { Pool, PooledClient } from '../../pool/index.ts'
import { explainRefused, readingBusy, statementUnknown } from '../errors.ts'
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
 * Asks PostgreSQL how it would do a statement, or with `analyze` how it did. The transaction may not write and is rolled back; what
 * functions do beside tables is not: a function that the planner works out, or that the statement calls, has the rights of this role.
 * On a connection of its own, whose session is ended when it takes too long.
 *
 * @throws HF_MONITOR_STATEMENT_UNKNOWN, HF_MONITOR_EXPLAIN_REFUSED, HF_MONITOR_BUSY
 */
export async function explain(pool: Pool, clock: Clock, input: ExplainInput): Promise<Explanation> {
  const { timeoutMs = TIMEOUT_MS } = input
  const own = pool.sibling({ size: 1, overflow: 0, allowExitOnIdle: true })
  try {
    const client = await own.connect()
    try {
      const parsed = await oneStatement(input.text ?? (await textOf(client, input.id ?? '')))
      await client.query(
        `BEGIN READ ONLY; SET LOCAL statement_timeout = ${timeoutMs}; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`,
      )
      const late = (): Error => readingBusy(`no answer within ${(timeoutMs + 1_000) / 1_000} s`)
      return await within(clock, timeoutMs + 1_000, explainWith(client, parsed, input), late)
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

async function explainWith(
  client: PooledClient,
  { text, parameters }: Parsed,
  { values = [], analyze = false }: ExplainInput,
): Promise<Explanation> {
  if (values.length > 0 && values.length !== parameters)
    throw explainRefused(`it has ${parameters} parameters, and ${values.length} values were given`)
  const isGeneric = parameters > 0 && values.length === 0
  if (isGeneric && analyze)
    throw explainRefused('to run it, values are needed for its parameters: --value for each, in their order')
  const options = [
    ...(analyze ? ['ANALYZE', 'BUFFERS', 'TIMING'] : []),
    ...(isGeneric && (await versionOf(client)) >= GENERIC_PLAN_SINCE ? ['GENERIC_PLAN'] : []),
    'VERBOSE',
    'FORMAT JSON',
  ].join(', ')
  const raw =
    isGeneric && !options.includes('GENERIC_PLAN')
      ? await planOfPrepared(client, text, parameters, options)
      : await planOf(client, `EXPLAIN (${options}) ${text}`, values)
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
  await pool.query('SELECT pg_terminate_backend($1)', [processID]).catch(() => {}) // it ends with its connection
}

interface RawPlan {
  readonly Plan: RawNode
  readonly 'Planning Time'?: number
  readonly 'Execution Time'?: number
}

async function planOf(client: PooledClient, sql: string, values: readonly unknown[]): Promise<RawPlan> {
  const { rows } = await client.query<{ 'QUERY PLAN': readonly RawPlan[] }>(sql, [...values])
  const [plan] = rows[0]?.['QUERY PLAN'] ?? []
  if (!plan) throw explainRefused('PostgreSQL gave no plan')
  return plan
}

/** Before 16 a plan for any values is that of a prepared statement that is told to use one. */
async function planOfPrepared(
  client: PooledClient,
  text: string,
  parameters: number,
  options: string,
): Promise<RawPlan> {
  await client.query('SET LOCAL plan_cache_mode = force_generic_plan')
  await client.query(`PREPARE holdfast_explained AS ${text}`)
  const nulls = Array(parameters).fill('NULL').join(', ')
  return planOf(client, `EXPLAIN (${options}) EXECUTE holdfast_explained(${nulls})`, [])
}

async function versionOf(client: PooledClient): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  )
  return rows[0]?.version ?? 0
}

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

async function textOf(client: PooledClient, id: string): Promise<string> {
  if (!/^-?\d{1,20}$/.test(id)) throw statementUnknown(id)
  const source = await findStatementSource(client)
  if (source.state !== 'collecting') throw statementUnknown(id, source.state)
  const { rows } = await client.query<{ query: string | null }>(
    `SELECT min(query) AS query FROM ${source.schema}.pg_stat_statements
      WHERE queryid = $1::bigint AND dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())`,
    [id],
  )
  const text = rows[0]?.query
  if (!text) throw statementUnknown(id)
  return text
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
