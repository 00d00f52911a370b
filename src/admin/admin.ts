import cookie from '@fastify/cookie'
import helmet from '@fastify/helmet'
import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import type { FastifyBaseLogger, FastifyInstance, FastifyPluginAsync } from 'fastify'
import type { AccessTarget } from '../access/index.ts'
import type { Alerts } from '../alerts/index.ts'
import type { PartitionTarget } from '../partitions/index.ts'
import { type Clock, systemClock, toolVersion } from '../core/index.ts'
import { type MigrateTarget, OperationRecorder, type RunOptions } from '../migrate/index.ts'
import { type Collector, type Limits, Reader, StatementFeed } from '../monitor/index.ts'
import { ownQueries, type Pool } from '../pool/index.ts'
import { AccessLog } from './access-log.ts'
import { ConsoleSessions } from './console-sessions.ts'
import { ConsoleShell } from './console-shell.ts'
import type { AdminContext, ConfigurationEntry } from './context.ts'
import { rateLimited } from './errors.ts'
import { Gate } from './gate.ts'
import { addGuard, isSafe, KEY_HEADER } from './guard.ts'
import { addInputRules } from './input.ts'
import { DatabaseEvent, HealthEvent, PoolEvent } from './live-events.ts'
import { LivePicture } from './live.ts'
import { LongWorks } from './long-work.ts'
import { addProblems } from './problem.ts'
import { Readings } from './readings.ts'
import type { Role } from './roles.ts'
import { consoleRoutes } from './routes/console.ts'
import { databaseRoutes } from './routes/database.ts'
import { eventRoutes } from './routes/events.ts'
import { healthRoutes } from './routes/health.ts'
import { referenceRoutes } from './routes/reference.ts'
import { accessRoutes } from './routes/access.ts'
import { migrationActionRoutes } from './routes/migration-actions.ts'
import { migrationRoutes } from './routes/migrations.ts'
import { partitionUpkeepRoutes } from './routes/partition-upkeep.ts'
import { partitionRoutes } from './routes/partitions.ts'
import { operationRoutes } from './routes/operations.ts'
import { poolRoutes } from './routes/pool.ts'
import { alertRoutes } from './routes/alerts.ts'
import { deliveryRoutes } from './routes/deliveries.ts'
import { silenceRoutes } from './routes/silences.ts'
import { activityRoutes } from './routes/activity.ts'
import { capacityRoutes } from './routes/capacity.ts'
import { collectingRoutes } from './routes/collecting.ts'
import { metricRoutes } from './routes/metrics.ts'
import { monitoringRoutes } from './routes/monitoring.ts'
import { performanceRoutes } from './routes/performance.ts'
import { statementRoutes } from './routes/statements.ts'
import { replicationRoutes } from './routes/replication.ts'
import { settingRoutes } from './routes/settings.ts'
import { tableRoute } from './routes/table.ts'
import { sessionRoutes, signInPath } from './routes/session.ts'
import { tableRoutes } from './routes/tables.ts'

/** What the API is about. What `createHoldfast` makes is one. */
export interface AdminInput {
  readonly pool: Pool
  /** Further pools of the process, each with a name of its own. */
  readonly otherPools?: readonly Pool[]
  /** Schema of Holdfast's own tables; default: that of the history of `migrations`, else `holdfast`. */
  readonly schema?: string
  /** The user's migrations, so that the console can say when some are pending. Default: not looked at. */
  readonly migrations?: MigrateTarget
  /** How they are run from here, as `holdfast.migrateOptions`. Default: the runner's own defaults. */
  readonly migrateOptions?: RunOptions
  /** Who is to have which rights, as `holdfast.access`. Default: not looked at. */
  readonly access?: AccessTarget
  /** Where partitions are kept, as `holdfast.partitions`. Default: not looked at. */
  readonly partitions?: PartitionTarget
  /** What keeps the history, of the same pool. Default: the last hours, in memory. */
  readonly monitor?: Collector | undefined
  /** What tells somebody when something is wrong. Default: nobody is told. */
  readonly alerts?: Alerts | undefined
  /** From where on something is a problem. Default: as operators usually have them. */
  readonly limits?: Limits | undefined
  /** Options of this process, as `holdfast.configuration`. Default: the console does not say. */
  readonly configuration?: readonly ConfigurationEntry[] | undefined
  /** Whoever has it may scrape `/metrics`, and nothing else. Default: one has to be signed in. */
  readonly metricsToken?: string | undefined
  /** Names that requests may ask under, besides `localhost` and addresses. Default: any, as the application decides. */
  readonly hosts?: readonly string[] | undefined
  /** A proxy that ends HTTPS stands in front, and the application trusts it: nobody signs in over plain HTTP. Default false. */
  readonly isBehindProxy?: boolean
  readonly clock?: Clock
}

const ROUTES = [
  healthRoutes,
  metricRoutes,
  databaseRoutes,
  poolRoutes,
  tableRoutes,
  tableRoute,
  replicationRoutes,
  settingRoutes,
  migrationRoutes,
  migrationActionRoutes,
  accessRoutes,
  partitionRoutes,
  partitionUpkeepRoutes,
  operationRoutes,
  monitoringRoutes,
  collectingRoutes,
  activityRoutes,
  performanceRoutes,
  capacityRoutes,
  statementRoutes,
  alertRoutes,
  silenceRoutes,
  deliveryRoutes,
  eventRoutes,
  sessionRoutes,
  referenceRoutes,
  consoleRoutes,
]

const REQUESTS_PER_MINUTE = 1_200

/**
 * The HTTP API of one pool, to be mounted into a Fastify application under any prefix.
 *
 * @example
 * const admin = new Admin({ pool })
 * await app.register(admin.plugin, { prefix: '/ops' })
 * console.log(`http://127.0.0.1:3000/ops${admin.createSignInPath('viewer')}`)
 */
export class Admin {
  readonly #context: Omit<AdminContext, 'shell'>
  readonly #metricsToken: string | undefined
  readonly #hosts: readonly string[] | undefined
  /** What is written down goes through this. */
  readonly #records: Pool
  readonly #workRecords: Pool
  #log: FastifyBaseLogger | undefined

  constructor(input: AdminInput) {
    const clock = input.clock ?? systemClock
    this.#metricsToken = input.metricsToken
    this.#hosts = input.hosts?.map((name) => name.toLowerCase())
    const reader = new Reader(input.pool, clock)
    const feed = input.monitor?.feed ?? new StatementFeed(reader, clock)
    const live = new LivePicture(input.pool, reader, feed, clock)
    const gate = new Gate(clock)
    const schema = input.schema ?? input.migrations?.history.schema ?? 'holdfast'
    // Beside the pool: whoever locks the table that is written to holds up nothing of the service.
    this.#records = input.pool.sibling({ size: 1, overflow: 0, allowExitOnIdle: true })
    const records = new OperationRecorder(ownQueries(this.#records), schema)
    // Works that must not be done without their record wait for it, and not in the way of the others.
    this.#workRecords = input.pool.sibling({ size: 1, overflow: 0, allowExitOnIdle: true })
    const recorder = new OperationRecorder(ownQueries(this.#workRecords), schema)
    this.#context = {
      pool: input.pool,
      pools: [...new Set([input.pool, ...(input.otherPools ?? [])])],
      reader,
      feed,
      collector: input.monitor,
      alerts: input.alerts,
      limits: input.limits,
      schema,
      migrations: input.migrations,
      migrateOptions: input.migrateOptions ?? {},
      access: input.access,
      partitions: input.partitions,
      recorder,
      accessLog: new AccessLog(records, clock),
      gate,
      works: new LongWorks(clock),
      sessions: new ConsoleSessions(clock),
      live,
      readings: new Readings(input.pool, live, gate, clock),
      clock,
      configuration: input.configuration ?? [],
      startedAt: clock.now(),
      isBehindProxy: input.isBehindProxy ?? false,
      isDraining: false,
    }
  }

  /**
   * A path below the prefix that signs one person in, once, within ten minutes. Whoever has it gets in.
   * @param name whom it is for, as lists and records say it
   */
  createSignInPath(role: Role, name = 'link of the service'): string {
    this.#context.accessLog.linkMade(this.#log, null, name, role)
    return signInPath(this.#context.sessions.createLink(role, name))
  }

  /** A token for programs, good until this process ends or it is taken back. @param name which program, as lists and records say it */
  createToken(role: Role, name = 'token of the service'): string {
    return this.#context.sessions.createToken(role, name)
  }

  /** From now on `/readyz` answers 503, so that no new requests are sent here. */
  drain(): void {
    this.#context.isDraining = true
  }

  /** Register this: `app.register(admin.plugin, { prefix })`. Everything in it stays within the prefix. */
  readonly plugin: FastifyPluginAsync = async (app) => {
    // Not a copy: `isDraining` changes.
    const context = Object.assign(this.#context, { shell: new ConsoleShell(app.prefix) })
    this.#log = app.log
    // The guard goes before what counts: it knows for whom to count, and what another site sent is not counted at all.
    const { sessions, accessLog } = context
    if (!app.hasRequestDecorator('cookies')) await app.register(cookie) // the application may have it already
    addGuard(app, { sessions, accessLog, metricsToken: this.#metricsToken, hosts: this.#hosts })
    addInputRules(app)
    await addProtection(app)
    await addReference(app)
    addProblems(app, String(context.pool.options.connectionString ?? ''), context.shell)
    app.addHook('onSend', async (request, reply) => {
      reply.header('x-request-id', request.id)
      // Neither a browser nor a proxy keeps what was told to one person.
      if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
    })
    app.addHook('onResponse', async (request, reply) => {
      if (!isSafe(request)) accessLog.changed(request, reply.statusCode)
    })
    for (const routes of ROUTES) await app.register(routes, { context })
    context.live.start(app.log)
    app.addHook('onListen', async () => context.live.look())
    app.addHook('onClose', async () => {
      await context.works.close()
      await accessLog.close()
      await Promise.all([this.#records, this.#workRecords].map((pool) => pool.end({ timeoutMs: 1_000 })))
      await context.live.stop()
      await context.reader.end()
    })
  }
}

async function addProtection(app: FastifyInstance): Promise<void> {
  await app.register(rateLimit, {
    max: REQUESTS_PER_MINUTE,
    timeWindow: '1 minute',
    // Who is signed in is not locked out by a stranger at the same address.
    // Each kind in a room of its own: what a proxy passes on as an address may be anything.
    keyGenerator: ({ identity, isScrape, ip }) =>
      identity ? `session ${identity.id}` : isScrape ? 'metrics' : `address ${normalizeIP(ip)}`,
    errorResponseBuilder: (_request, { ttl }) => rateLimited(Math.ceil(ttl / 1_000)),
  })
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        scriptSrc: ["'self'"],
        connectSrc: ["'self'"],
        imgSrc: ["'self'"],
        fontSrc: ["'self'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    referrerPolicy: { policy: 'no-referrer' },
    xFrameOptions: { action: 'deny' },
    // Only behind HTTPS does it mean anything, and there the proxy that ends TLS decides.
    strictTransportSecurity: false,
  })
}

async function addReference(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    transform: ({ schema, url, route }) => ({
      url,
      schema: route.config?.access === 'public' ? { ...schema, security: [] } : schema,
    }),
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Holdfast',
        version: toolVersion(),
        description: 'Health, numbers and live events of one PostgreSQL database.',
      },
      servers: [{ url: app.prefix === '' ? '/' : app.prefix }],
      components: {
        schemas: { PoolEvent, DatabaseEvent, HealthEvent },
        securitySchemes: {
          cookie: {
            type: 'apiKey',
            in: 'cookie',
            name: '__Host-holdfast',
            description: 'Over plain HTTP it is called holdfast-PORT: browsers refuse the prefix there.',
          },
          key: {
            type: 'apiKey',
            in: 'header',
            name: KEY_HEADER,
            description: "The other half of a browser's session, as signing in answered it.",
          },
          bearer: { type: 'http', scheme: 'bearer' },
        },
      },
      security: [{ cookie: [], key: [] }, { bearer: [] }],
    },
  })
}
