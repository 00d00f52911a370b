import { Type } from 'typebox'
import { hideLiterals, type Queryable } from '../core/index.ts'
import type { HolderPicture, LabelFigures, Pool, StatementFigures, TallyFigures } from '../pool/index.ts'
import { describePool, PoolDetails, rounded } from './pool-description.ts'
import { nullable } from './problem.ts'

const text = nullable(
  Type.String({ description: 'Text of the statement; what stood in strings is left out' }),
)
const label = nullable(Type.String({ description: 'What the caller named its work (withLabel)' }))

export const Holder = Type.Object({
  held_ms: Type.Number(),
  label,
  call_site: nullable(
    Type.String({ description: 'Where it was asked for; known when leakThresholdMs is set' }),
  ),
  last_text: text,
  is_leak: Type.Boolean({ description: 'Held for longer than leakThresholdMs with no statement running' }),
})

/** One pool: everything about it now. */
export const PoolPicture = Type.Object({
  name: Type.String(),
  ...PoolDetails.properties,
  is_drained: Type.Boolean({ description: 'Gives out nothing until it is resumed' }),
  leaks: Type.Integer({ description: 'Checkouts that were held for too long, since the start' }),
  rides: Type.Integer({ description: 'Statements that shared a connection, since the start' }),
  lanes: Type.Array(
    Type.Object({
      state: Type.String({ description: 'opening, open, or retiring' }),
      depth: Type.Integer({ description: 'Statements on their way' }),
      head_ms: nullable(Type.Number({ description: 'How long the server works at the first of them' })),
    }),
    { description: 'Connections that carry statements of many callers' },
  ),
  waiters: Type.Array(Type.Object({ waited_ms: Type.Number(), label, text }), {
    description: 'Who waits, the longest first; twenty at most',
  }),
  holders: Type.Array(Holder, { description: 'Who holds connections, the longest first; twenty at most' }),
  recent_leaks: Type.Array(
    Type.Object({
      ...Holder.properties,
      at: Type.String({ format: 'date-time' }),
      returned_after_ms: nullable(Type.Number({ description: 'It came back after all; null: it has not' })),
    }),
    { description: 'The latest first; fifty at most' },
  ),
  servers: Type.Array(
    Type.Object({
      name: Type.String({ description: 'host:port' }),
      role: Type.Union([Type.Literal('primary'), Type.Literal('standby'), Type.Literal('unknown')]),
      problem: nullable(Type.String({ description: 'Why connections go elsewhere' })),
      evictions: Type.Integer({ description: 'How often it was given up with all its connections' }),
    }),
  ),
  replicas: Type.Array(
    Type.Object({
      name: Type.String({ description: 'host:port' }),
      is_used: Type.Boolean(),
      reason: nullable(Type.String({ description: 'Why nothing is read from it' })),
      lag_bytes: nullable(Type.Number()),
      latency_ms: nullable(Type.Number()),
      checked_out: Type.Integer(),
      total: Type.Integer(),
    }),
  ),
})

/** What statements did, by text or by label. */
export const PoolStatements = Type.Object({
  by: Type.Union([Type.Literal('statement'), Type.Literal('label')]),
  data: Type.Array(
    Type.Object({
      key: Type.String({ description: 'The text of the statement, or the label' }),
      calls: Type.Integer(),
      errors: Type.Integer(),
      rows: Type.Number({ description: 'Returned or changed' }),
      total_ms: Type.Number({ description: 'From asking to the answer, waiting included' }),
      mean_ms: Type.Number(),
      p50_ms: Type.Number(),
      p99_ms: Type.Number(),
      service_ms: nullable(
        Type.Number({ description: 'What of it is the server’s work; follows the newest calls' }),
      ),
      rides: nullable(Type.Boolean({ description: 'It may share a connection with others' })),
      call_site: nullable(Type.String({ description: 'Where the application calls it, sampled' })),
      labels: Type.Array(Type.Object({ label: Type.String(), calls: Type.Integer() })),
    }),
    { description: 'Most time first' },
  ),
})

export const PoolAdvice = Type.Object({
  pool_size: Type.Integer({ description: 'Recommended' }),
  max_overflow: Type.Integer({ description: 'Recommended' }),
  current: Type.Object({ pool_size: Type.Integer(), max_overflow: Type.Integer() }),
  is_founded: Type.Boolean({ description: 'False while too little has happened to tell' }),
  reasons: Type.Array(Type.String()),
  fit: nullable(
    Type.Object({
      wanted: Type.Integer(),
      usable: Type.Number(),
      fits: Type.Boolean(),
      arithmetic: Type.String(),
    }),
  ),
})

export function picturePool(pool: Pool): Type.Static<typeof PoolPicture> {
  const stats = pool.stats()
  const { isDrained, lanes, waiters, holders, leaks } = pool.activity()
  return {
    name: pool.name,
    ...describePool(stats),
    is_drained: isDrained,
    leaks: stats.leaks,
    rides: stats.rides,
    lanes: lanes.map(({ state, depth, headMs }) => ({ state, depth, head_ms: known(headMs) })),
    waiters: waiters.map((one) => ({
      waited_ms: rounded(one.waitedMs),
      label: one.label ?? null,
      text: shown(one.text),
    })),
    holders: holders.map(describeHolder),
    recent_leaks: leaks.map((leak) => ({
      ...describeHolder(leak),
      at: new Date(leak.at).toISOString(),
      returned_after_ms: known(leak.returnedAfterMs),
    })),
    servers: pool.servers().map(({ problem, ...server }) => ({ ...server, problem: problem ?? null })),
    replicas: pool.replicas().map(({ name, isUsed, reason, lagBytes, latencyMs, stats: its }) => ({
      name,
      is_used: isUsed,
      reason: reason ?? null,
      lag_bytes: lagBytes ?? null,
      latency_ms: known(latencyMs),
      checked_out: its.busy,
      total: its.total,
    })),
  }
}

export function describeStatements(
  pool: Pool,
  by: 'statement' | 'label',
  limit: number,
): Type.Static<typeof PoolStatements> {
  const data =
    by === 'label'
      ? pool.labels().slice(0, limit).map(describeLabel)
      : pool.statements().slice(0, limit).map(describeStatement)
  return { by, data }
}

/** @param db who is asked for the server's limits, beside the pool. */
export async function describeAdvice(pool: Pool, db: Queryable): Promise<Type.Static<typeof PoolAdvice>> {
  const { size, overflow, isFounded, reasons, fit } = await pool.advise(db)
  return {
    pool_size: size,
    max_overflow: overflow,
    current: { pool_size: pool.options.size, max_overflow: pool.options.overflow },
    is_founded: isFounded,
    reasons: [...reasons],
    fit: fit ?? null,
  }
}

export function describeHolder(holder: HolderPicture): Type.Static<typeof Holder> {
  return {
    held_ms: rounded(holder.heldMs),
    label: holder.label ?? null,
    call_site: holder.callSite ?? null,
    last_text: shown(holder.lastText),
    is_leak: holder.isLeak,
  }
}

function describeStatement(figures: StatementFigures) {
  return {
    key: hideLiterals(figures.text),
    ...tallyOf(figures),
    service_ms: known(figures.serviceMs),
    rides: figures.mayShare,
    call_site: figures.callSite,
    labels: figures.labels.map(({ label: name, calls }) => ({ label: name, calls })),
  }
}

function describeLabel(figures: LabelFigures) {
  return {
    key: figures.label,
    ...tallyOf(figures),
    service_ms: null,
    rides: null,
    call_site: null,
    labels: [],
  }
}

function tallyOf({ calls, errors, rows, totalMs, meanMs, p50Ms, p99Ms }: TallyFigures) {
  const times = { total_ms: totalMs, mean_ms: meanMs, p50_ms: p50Ms, p99_ms: p99Ms }
  return {
    calls,
    errors,
    rows,
    ...(Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, rounded(ms)])) as typeof times),
  }
}

const known = (ms: number | null | undefined): number | null => (ms == null ? null : rounded(ms))

/** Whoever may look at a pool may not see what was written into its statements. */
const shown = (sql: string | undefined): string | null => (sql === undefined ? null : hideLiterals(sql))
