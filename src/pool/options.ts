import type pg from 'pg'
import { custom, flag, integer, oneOf, type OptionValues, resolveOptions } from '../core/index.ts'
import { REPLICA_OPTIONS } from './replicas/options.ts'
import { SERVER_OPTIONS } from './servers/options.ts'
import type { TargetSessionAttrs } from './servers/role.ts'
import { asNumber, asSeconds, isGiven } from './pg-numbers.ts'
import { PRESET_NAMES, type PresetName, withPreset } from './presets.ts'
import { withSessionOptions } from './session-options.ts'
import { elsewhere, listServers, type ServerAddress, targetInUrl } from './servers/server-list.ts'
import type { ConnectionBudget } from './sizing/budget.ts'
import type { EchoedQuery } from './stats.ts'

const DAY_MS = 86_400_000

/** What transactions may be told to be. */
export const ISOLATIONS = ['read committed', 'repeatable read', 'serializable'] as const
export type Isolation = (typeof ISOLATIONS)[number]

/** Whether and how statements share connections. */
export type Pipelining = 'auto' | 'off' | { readonly lanes: number; readonly depth: number }

/** Options of a pool, apart from where to connect. */
export const POOL_OPTIONS = {
  ...SERVER_OPTIONS,
  ...REPLICA_OPTIONS,
  preset: custom<PresetName | undefined>({
    doc: 'Size, overflow and timeout where they are not given, by the kind of service: small 5+10, medium 10+20, large 20+40, busy 20+30, async-production 70+120, production 100+200 with 60 s.',
    default: undefined,
    accepts: `one of ${PRESET_NAMES.join(', ')}`,
    env: 'DB_POOL_PRESET',
    parse: (input) => PRESET_NAMES.find((name) => name === input),
  }),
  isolation: custom<Isolation | undefined>({
    doc: "Default isolation level of transactions. Without it the database's default_transaction_isolation holds, which is read committed unless somebody changed it.",
    default: undefined,
    accepts: `one of ${ISOLATIONS.join(', ')}`,
    env: 'DB_ISOLATION',
    parse: (input) => ISOLATIONS.find((one) => one === input),
  }),
  size: integer({
    doc: 'Connections that are kept open.',
    default: 10,
    min: 1,
    max: 10_000,
    env: 'DB_POOL_SIZE',
  }),
  overflow: integer({
    doc: 'Connections allowed above the size under load; closed again when they have been idle for a while.',
    default: 20,
    min: 0,
    max: 10_000,
    env: 'DB_MAX_OVERFLOW',
  }),
  acquireTimeoutMs: integer({
    doc: 'How long a caller waits for a connection, connecting and checking included; 0 waits for ever. DB_POOL_TIMEOUT is in seconds.',
    default: 30_000,
    min: 0,
    max: DAY_MS,
    env: 'DB_POOL_TIMEOUT',
    envScale: 1_000,
  }),
  maxWaiting: integer({
    doc: 'Callers that may wait for a connection at the same time; more are refused at once.',
    default: 10_000,
    min: 0,
    max: 10_000_000,
    env: 'HOLDFAST_POOL_MAX_WAITING',
  }),
  recycleMs: integer({
    doc: 'Age at which a connection is replaced, less up to a tenth at random; 0 never. DB_POOL_RECYCLE is in seconds.',
    default: 1_800_000,
    min: 0,
    max: 30 * DAY_MS,
    env: 'DB_POOL_RECYCLE',
    envScale: 1_000,
  }),
  prePingAfterIdleMs: custom<number | false>({
    doc: 'A connection that was idle for longer is asked whether it still works before it is given out; 0 asks always, false never.',
    default: 1_000,
    accepts: `a whole number from 0 to ${DAY_MS}, or false`,
    env: 'HOLDFAST_POOL_PRE_PING_AFTER_IDLE_MS',
    parse(input) {
      if (input === false || input === 'false') return false
      const value = typeof input === 'string' && /^\d+$/.test(input) ? Number(input) : input
      return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= DAY_MS
        ? (value as number)
        : undefined
    },
  }),
  overflowIdleMs: integer({
    doc: 'How long a connection above the size may stay idle before it is closed.',
    default: 10_000,
    min: 0,
    max: DAY_MS,
    env: 'HOLDFAST_POOL_OVERFLOW_IDLE_MS',
  }),
  idleTimeoutMs: integer({
    doc: 'How long a connection within the size may stay idle before it is closed; 0 keeps it.',
    default: 0,
    min: 0,
    max: DAY_MS,
    env: 'HOLDFAST_POOL_IDLE_TIMEOUT_MS',
  }),
  connectTimeoutMs: integer({
    doc: 'How long one attempt to connect may take.',
    default: 10_000,
    min: 1,
    max: DAY_MS,
    env: 'HOLDFAST_POOL_CONNECT_TIMEOUT_MS',
  }),
  cleanupTimeoutMs: integer({
    doc: 'How long rolling back a carelessly released connection, checking an idle one, or closing one may take before it is destroyed.',
    default: 5_000,
    min: 1,
    max: DAY_MS,
    env: 'HOLDFAST_POOL_CLEANUP_TIMEOUT_MS',
  }),
  pipelining: custom<Pipelining>({
    doc: 'Whether single statements of many callers share connections (lanes). In code also { lanes, depth }: how many, and how many statements on their way on each.',
    default: 'auto',
    accepts: 'auto, off, or { lanes, depth } with whole numbers from 1 to 1000',
    env: 'HOLDFAST_POOL_PIPELINING',
    parse: parsePipelining,
  }),
  prepare: flag({
    doc: 'Keep statements prepared on the server under names of ours. Off for poolers that cannot.',
    default: true,
    env: 'HOLDFAST_POOL_PREPARE',
  }),
  preparedLimit: integer({
    doc: 'Prepared statements that each connection keeps; the least recently used leaves.',
    default: 200,
    min: 1,
    max: 10_000,
    env: 'HOLDFAST_POOL_PREPARED_LIMIT',
  }),
  preparedAgeMs: integer({
    doc: 'Age at which a prepared statement is prepared again: the types of its parameters stay as they were when the type of a column changes. 0 never.',
    default: 2_000,
    min: 0,
    max: DAY_MS,
    env: 'HOLDFAST_POOL_PREPARED_AGE_MS',
  }),
  planCacheMode: oneOf(['auto', 'force_custom_plan', 'force_generic_plan'], {
    doc: "PostgreSQL's plan_cache_mode for prepared statements: auto goes over to a generic plan from the sixth run on where that looks as good.",
    default: 'auto',
    env: 'HOLDFAST_POOL_PLAN_CACHE_MODE',
  }),
  slowStatementMs: integer({
    doc: 'A statement that takes the server longer than this on average gets a connection of its own.',
    default: 5,
    min: 1,
    max: DAY_MS,
    env: 'HOLDFAST_POOL_SLOW_STATEMENT_MS',
  }),
  laneStallMs: integer({
    doc: 'How long a statement on a lane may wait for a lock before it is sent to a connection of its own, and how long one may run before its lane gets no new work.',
    default: 20,
    min: 1,
    max: 60_000,
    env: 'HOLDFAST_POOL_LANE_STALL_MS',
  }),
  statementLimit: integer({
    doc: 'Statement texts that are remembered, with what each did.',
    default: 1_000,
    min: 10,
    max: 100_000,
    env: 'HOLDFAST_POOL_STATEMENT_LIMIT',
  }),
  processes: integer({
    doc: 'Processes that have a pool like this, for the sum that is held against max_connections.',
    default: 1,
    min: 1,
    max: 100_000,
    env: ['HOLDFAST_PROCESSES', 'WEB_CONCURRENCY'],
  }),
  warm: flag({
    doc: 'Open the whole size when the pool is made.',
    default: false,
    env: 'HOLDFAST_POOL_WARM',
  }),
  resetOnRelease: flag({
    doc: 'Put settings, locks, temporary tables and listening back when a checkout ends (prepared statements stay). Settings made in onConnect are put back, too.',
    default: false,
    env: 'HOLDFAST_POOL_RESET_ON_RELEASE',
  }),
  leakThresholdMs: integer({
    doc: 'A connection held for longer, with no statement running, is reported as a leak with the place that took it; 0 never, and call sites are not recorded then.',
    default: 0,
    min: 0,
    max: DAY_MS,
    env: 'HOLDFAST_POOL_LEAK_THRESHOLD_MS',
  }),
  onLeak: oneOf(['report', 'destroy'], {
    doc: 'What happens to a leaked connection besides the report.',
    default: 'report',
    env: 'HOLDFAST_POOL_ON_LEAK',
  }),
  slowQueryMs: integer({
    doc: 'A statement that takes longer, waiting included, is told of by itself (pool:slow-query), with its label and place; 0 never.',
    default: 0,
    min: 0,
    max: DAY_MS,
    env: 'HOLDFAST_POOL_SLOW_QUERY_MS',
  }),
  tagLabels: flag({
    doc: 'Tell the server what the caller named its work, in a SQLCommenter comment behind statements that are not kept prepared.',
    default: false,
    env: 'HOLDFAST_POOL_TAG_LABELS',
  }),
  debug: flag({
    doc: 'Throw on a second release of the same checkout, and on the use of a released client, instead of passing over it.',
    default: false,
    env: 'HOLDFAST_POOL_DEBUG',
  }),
} as const

/** Resolved options of a pool. */
export type PoolOptions = OptionValues<typeof POOL_OPTIONS>

/** What `new Pool()` takes: everything a `pg.Client` takes, these options, and pg.Pool's names for them. */
export type PoolConfig = pg.ClientConfig &
  Partial<PoolOptions> & {
    /** pg.Pool's name: size `max`, no overflow. */
    max?: number | undefined
    /** pg.Pool's name for `acquireTimeoutMs`. */
    connectionTimeoutMillis?: number | undefined
    /** pg.Pool's name for `idleTimeoutMs`. */
    idleTimeoutMillis?: number | null | undefined
    /** pg.Pool's name for `recycleMs`, in seconds. */
    maxLifetimeSeconds?: number | undefined
    /** A connection is replaced after this many checkouts. */
    maxUses?: number | undefined
    /** pg.Pool's: so many stay open, however long they are idle. Default 0. */
    min?: number | undefined
    /** An older name of pg.Pool's for `max`. */
    poolSize?: number | undefined
    /** Checks each new connection before anyone gets it; an error fails the connect. */
    verify?: ((client: pg.PoolClient, done: (error?: Error) => void) => void) | undefined
    /** Let the process exit while connections are idle. */
    allowExitOnIdle?: boolean | undefined
    /** The client class to use instead of `pg.Client`. */
    Client?: typeof pg.Client | undefined
    /** Runs on each new connection before anyone gets it; a rejection fails the connect. */
    onConnect?: ((client: pg.ClientBase) => unknown) | undefined
    /**
     * Servers that follow this one, for `read`, `intent: 'read'` and transactions with `readOnly`: URLs, or
     * configurations whose every field replaces the pool's own. Each gets a pool.
     */
    replicas?: readonly (string | PoolConfig)[] | undefined
    /** Told to the server with every statement that is not kept prepared, as a SQLCommenter comment. Few, and constant. */
    tags?: Readonly<Record<string, string>> | undefined
    /** Tells it apart from the other pools of the process, and is told to the server with the application's name. */
    name?: string | undefined
    /** Shared with other pools: together they have no more connections than it says. */
    budget?: ConnectionBudget | undefined
    /** Is told of every statement: text and time, never values. */
    echo?: ((query: EchoedQuery) => void) | undefined
  }

/** A pool's configuration taken apart. */
export interface ResolvedPoolConfig {
  readonly options: PoolOptions
  /** The servers of the database, in the order in which they are tried. */
  readonly addresses: readonly ServerAddress[]
  readonly target: TargetSessionAttrs
  readonly client: pg.ClientConfig
  /** Configurations of the replicas' pools. */
  readonly replicas: readonly PoolConfig[]
  readonly name: string
  readonly tags: Readonly<Record<string, string>> | undefined
  readonly budget: ConnectionBudget | undefined
  readonly maxUses: number
  /** So many stay open, however long they are idle. */
  readonly min: number
  /** What new connections are opened with since it was changed. */
  readonly changed: pg.ClientConfig
  readonly allowExitOnIdle: boolean
  readonly Client: typeof pg.Client | undefined
  readonly onConnect: PoolConfig['onConnect']
  readonly echo: PoolConfig['echo']
}

/**
 * Takes a configuration apart into ours and the client's. Names that neither knows go to the client, as they do
 * with pg.Pool.
 *
 * @throws HF_OPTION_INVALID
 */
export function resolvePoolConfig(config: PoolConfig, changed: pg.ClientConfig = {}): ResolvedPoolConfig {
  const {
    poolSize,
    max = poolSize,
    min,
    verify,
    connectionTimeoutMillis,
    idleTimeoutMillis,
    maxLifetimeSeconds,
    maxUses,
    allowExitOnIdle = false,
    Client,
    onConnect,
    echo,
    name: poolName = 'default',
    tags,
    replicas = [],
    budget,
    ...rest
  } = config
  const given: Record<string, unknown> = {
    // No number, and nought, is pg.Pool's own default there.
    ...(Boolean(asNumber(max)) && { size: asNumber(max), overflow: 0 }),
    ...(isGiven(connectionTimeoutMillis) && { acquireTimeoutMs: asNumber(connectionTimeoutMillis) }),
    ...(isGiven(idleTimeoutMillis) && { idleTimeoutMs: asNumber(idleTimeoutMillis) }),
    ...(isGiven(maxLifetimeSeconds) && { recycleMs: asSeconds(maxLifetimeSeconds) }),
  }
  const client: Record<string, unknown> & pg.ClientConfig = {}
  for (const [name, value] of Object.entries(rest)) {
    if (value === undefined) continue // as good as not given
    ;(name in POOL_OPTIONS ? given : client)[name] = value
  }
  const { values: own, sources } = resolveOptions('pool', POOL_OPTIONS, [
    { kind: 'object', source: 'argument', values: given },
  ])
  const { values } = withPreset(own, sources)
  const full = withSessionOptions(client, values, poolName)
  return {
    options: { ...values },
    addresses: listServers(full),
    target: values.targetSessionAttrs ?? targetInUrl(full.connectionString) ?? 'any',
    client: full,
    replicas: replicas.map((replica) => replicaConfig(config, replica)),
    name: poolName,
    tags,
    budget,
    maxUses: (asNumber(maxUses) as number) || Number.POSITIVE_INFINITY,
    min: (asNumber(min) as number) || 0,
    changed,
    allowExitOnIdle,
    Client,
    onConnect: verify ? inTurn(onConnect, verify) : onConnect,
    echo,
  }
}

/** As the primary's, but for what says where it is. */
function replicaConfig(config: PoolConfig, replica: string | PoolConfig): PoolConfig {
  // The budget counts what one server has to bear.
  const { host: _host, port: _port, replicas: _replicas, budget: _budget, ...shared } = config
  const its = typeof replica === 'string' ? { connectionString: replica } : replica
  const { connectionString } = shared
  const moved =
    its.host !== undefined && its.connectionString === undefined && connectionString !== undefined
      ? { connectionString: elsewhere(connectionString, its) }
      : {}
  return { ...shared, targetSessionAttrs: 'standby', ...its, ...moved }
}

/** pg.Pool's `verify` is a later `onConnect` with a callback. */
function inTurn(
  onConnect: PoolConfig['onConnect'],
  verify: NonNullable<PoolConfig['verify']>,
): NonNullable<PoolConfig['onConnect']> {
  return async (client) => {
    await onConnect?.(client)
    await new Promise<void>((resolve, reject) => {
      verify(client as pg.PoolClient, (error) => (error ? reject(error) : resolve()))
    })
  }
}

function parsePipelining(input: unknown): Pipelining | undefined {
  if (input === 'auto' || input === 'off') return input
  if (typeof input !== 'object' || input === null) return undefined
  const { lanes, depth } = input as Record<string, unknown>
  return isLimit(lanes) && isLimit(depth) ? { lanes, depth } : undefined
}

function isLimit(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 1_000
}
