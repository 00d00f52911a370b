import { resolve } from 'node:path'
import { Kysely } from 'kysely'
import type { AccessTarget } from './access/index.ts'
import { Alerts, type Channel, channelsOf, rulesOf } from './alerts/index.ts'
import type { Config, ConfigEntry, ConfigSources } from './config.ts'
import {
  formatDuration,
  hideLiterals,
  inOneLine,
  Lifecycle,
  maskUrl,
  type Queryable,
  systemClock,
} from './core/index.ts'
import type { EmbeddedServer } from './embedded/index.ts'
import { budgetTooSmall, cursorKeysMissing, historyUnreachable } from './errors.ts'
import {
  installSchema,
  type MigrateTarget,
  OperationRecorder,
  type RunOptions,
  userHistory,
} from './migrate/index.ts'
import {
  type CheckContext,
  Collector,
  digestInWords,
  findHistory,
  type HistoryStore,
  type Limits,
  limitsFrom,
  makeDigest,
  type Period,
  Reader,
  readIdentity,
  readSource,
} from './monitor/index.ts'
import type { PartitionTarget } from './partitions/index.ts'
import { CursorKeys, HoldfastDialect, Timings } from './query/index.ts'
import { wholePlace } from './storage/index.ts'
import {
  connectFailure,
  ConnectionBudget,
  type EchoedQuery,
  ownQueries,
  holderInWords,
  poolInWords,
  type SlowQuery,
  Pool,
  sslModeInUrl,
  withSslMode,
} from './pool/index.ts'

/** What `createHoldfast` works with besides the configuration. */
export interface HoldfastSurroundings {
  /** Folder of the configuration file, `.env`, migrations and the embedded database. Default: the working directory. */
  readonly cwd?: string
  /** Default: `process.env`. */
  readonly env?: ConfigSources['env']
  /** Is told in words what was decided for you. Default: writes a line to stderr. */
  readonly onNotice?: (text: string) => void
}

/** Folder of a process's own files, absolute: the embedded database, the server's token. */
export function stateDirectoryOf(config: Config, cwd = process.cwd()): string {
  return resolve(cwd, config.embedded.directory)
}

/**
 * The assembled house. Each part is built on first use; `close` closes them in reverse order.
 * @typeParam DB the tables of {@link Holdfast.db}, as Kysely knows them
 */
export class Holdfast<DB = any> {
  readonly config: Config
  /** Every option and who decided it; secrets are masked. */
  readonly configuration: readonly ConfigEntry[]
  /** The database's address, with its password: never log it. {@link address} is for people. */
  readonly url: string
  /** The embedded server, when this process owns one. */
  readonly embedded: EmbeddedServer | undefined
  readonly #cwd: string
  readonly #lifecycle = new Lifecycle()
  readonly #log: (text: string) => void
  readonly #pools = new Map<string, Pool>()
  readonly #budget: ConnectionBudget | undefined
  #db: Kysely<DB> | undefined
  #reader: Kysely<DB> | undefined
  #cursors: CursorKeys | undefined
  #timings: Timings | undefined
  #monitor: Collector | undefined
  #alerts: Alerts | undefined

  /** Use {@link createHoldfast}. */
  constructor(
    config: Config,
    url: string,
    embedded: EmbeddedServer | undefined,
    surroundings: Required<Pick<HoldfastSurroundings, 'cwd' | 'onNotice'>> & {
      readonly entries: readonly ConfigEntry[]
    },
  ) {
    this.config = config
    this.url = url
    this.embedded = embedded
    const { connectionBudget, pool, pools } = config.database
    // Told when it is assembled, not when a pool is first used.
    const sizes = [pool, ...Object.values(pools)].map(({ size = pool.size }) => size)
    const claimed = sizes.reduce((sum, size) => sum + size, 0)
    if (connectionBudget !== undefined && claimed > connectionBudget)
      throw budgetTooSmall(connectionBudget, claimed)
    this.#budget = connectionBudget === undefined ? undefined : new ConnectionBudget(connectionBudget)
    this.#cwd = surroundings.cwd
    this.configuration = surroundings.entries
    this.#log = surroundings.onNotice
    for (const name of ['url', 'embedded'] as const) Object.defineProperty(this, name, { enumerable: false })
    if (embedded) this.#lifecycle.own('embedded PostgreSQL', () => embedded.stop())
  }

  /** The database's address without its password. */
  get address(): string {
    return maskUrl(this.url)
  }

  /** The main pool. Compatible with `pg.Pool`. */
  get pool(): Pool {
    return this.#poolNamed('default', this.config.database.pool)
  }

  /** Kysely on the main pool. `close` ends it; its own `destroy` leaves the pool alone. */
  get db(): Kysely<DB> {
    this.#db ??= new Kysely<DB>({ dialect: new HoldfastDialect({ pool: this.pool, endsPool: false }) })
    return this.#db
  }

  /** The same for statements that only read: a replica may answer them, when there are any. */
  get reader(): Kysely<DB> {
    const { pool } = this
    this.#reader ??= new Kysely<DB>({
      dialect: new HoldfastDialect({ pool, endsPool: false, intent: 'read' }),
    })
    return this.#reader
  }

  /**
   * What seals the cursors of keyset pages: `query.cursorKeys`, or a random key outside production.
   * @throws HF_CONFIG_CURSOR_KEYS_MISSING in production without keys
   */
  get cursors(): CursorKeys {
    const { cursorKeys } = this.config.query
    if (cursorKeys.length === 0 && this.config.environment === 'production') throw cursorKeysMissing()
    this.#cursors ??= new CursorKeys(cursorKeys.length === 0 ? undefined : cursorKeys)
    return this.#cursors
  }

  /** Times functions by name, and logs a line for each run. */
  get timings(): Timings {
    this.#timings ??= new Timings({ log: this.#log, logAboveMs: this.config.query.logTimingsAboveMs })
    return this.#timings
  }

  /** All pools by name: the main one as `default`, then those of `database.pools`. */
  get pools(): Readonly<Record<string, Pool>> {
    const { pool, pools } = this.config.database
    const others = Object.entries(pools).map(([name, own]) => [
      name,
      this.#poolNamed(name, { ...pool, ...own }),
    ])
    return { default: this.pool, ...(Object.fromEntries(others) as Record<string, Pool>) }
  }

  #poolNamed(name: string, options: Config['database']['pool']): Pool {
    const known = this.#pools.get(name)
    if (known) return known
    const { echo, replicas, applicationName } = this.config.database
    const made = new Pool({
      ...(applicationName !== undefined && {
        application_name: name === 'default' ? applicationName : `${applicationName} ${name}`,
      }),
      connectionString: this.url,
      replicas: replicas.map((url) => encrypted(url, this.config)),
      name,
      budget: this.#budget,
      ...options,
      ...(echo && { echo: (query) => this.#log(echoed(query)) }),
    })
    made.on('pool:too-large', ({ arithmetic }) =>
      this.#log(`The pool may run out of connections: ${arithmetic}. See: holdfast pool advise`),
    )
    const quoted = name === 'default' ? 'The pool' : `The pool ${name}`
    made.on('pool:exhausted', (picture) =>
      this.#log(`${quoted} is exhausted, callers wait: ${poolInWords(picture)}.`),
    )
    made.on('pool:leak', (holder) =>
      this.#log(`${quoted} has a leak, not given back: ${holderInWords(holder)}.`),
    )
    made.on('pool:slow-query', (slow) => this.#log(slowInWords(slow)))
    this.#lifecycle.own(name === 'default' ? 'pool' : `pool ${name}`, () => made.end())
    this.#pools.set(name, made)
    return made
  }

  /** The way to the server around any pooler: for migrations and locks. With its password. */
  get directUrl(): string {
    // A way around belongs to a database that was named, not to the embedded one.
    const { url, directUrl } = this.config.database
    return url === undefined ? this.url : encrypted(directUrl ?? url, this.config)
  }

  /** The main pool for SQL of Holdfast's own: no function of another role is called in it. */
  get ownQueries(): Queryable {
    return ownQueries(this.pool)
  }

  /** Where destructive actions are remembered. */
  get recorder(): OperationRecorder {
    return new OperationRecorder(this.ownQueries, this.config.database.schema)
  }

  /** The user's migrations, for `migrateUp` and `migrateStatus`. */
  get migrations(): MigrateTarget {
    return {
      url: this.directUrl,
      directory: resolve(this.#cwd, this.config.migrate.directory),
      history: userHistory(this.config.database.schema),
    }
  }

  /** Options of the migration runner, as they are in this environment. */
  get migrateOptions(): RunOptions {
    const { migrate, environment } = this.config
    const { contractGraceMs = environment === 'production' ? undefined : 0 } = migrate
    return { ...migrate, contractGraceMs }
  }

  /** Who is to have which rights in this database, for `planAccess` and `applyAccess`. */
  get access(): AccessTarget {
    const { access, database } = this.config
    return { url: this.directUrl, options: access, ownSchema: database.schema }
  }

  /** Where partitions are kept, for `maintain` and its like of `holdfast/partitions`. */
  get partitions(): PartitionTarget {
    const archivePlaces = this.config.partitions.archivePlaces.map((place) => wholePlace(place, this.#cwd))
    return { url: this.directUrl, ownSchema: this.config.database.schema, archivePlaces }
  }

  /** Looks at the database and at this process, and keeps what it sees: from `monitor.start()` on. */
  get monitor(): Collector {
    const { database, monitor } = this.config
    this.#monitor ??= this.#owned(
      'monitor',
      new Collector({
        pool: this.pool,
        history: {
          url: monitor.historyUrl === undefined ? this.directUrl : encrypted(monitor.historyUrl, this.config),
          ownSchema: database.schema,
        },
        intervalMs: monitor.intervalMs,
        onProblem: this.#log,
      }),
    )
    return this.#monitor
  }

  /**
   * Tells somebody when something is not as the rules want it: from `alerts.start()` and `monitor.start()` on.
   * @throws HF_ALERT_METRIC_UNKNOWN
   */
  get alerts(): Alerts {
    const { rules, off, repeatMs, digest, digestHour } = this.config.alerts
    this.#alerts ??= this.#owned(
      'alerts',
      new Alerts({
        collector: this.monitor,
        rules: rulesOf(this.limits, rules, off),
        channels: this.alertChannels,
        database: this.address,
        repeatMs,
        digest: { every: digest, hour: digestHour, make: (periods) => this.#digest(periods) },
        onProblem: this.#log,
      }),
    )
    return this.#alerts
  }

  async #digest(periods: readonly Period[]): Promise<string> {
    const reader = new Reader(this.pool, systemClock)
    try {
      const context = await this.checkContext(reader)
      return digestInWords(await makeDigest({ ...context, pool: this.pool.stats() }, periods))
    } finally {
      await reader.end()
    }
  }

  /** Whom alerts are told. */
  get alertChannels(): Channel[] {
    return channelsOf(this.config.alerts, this.#log)
  }

  /** Begins to keep the history and to tell of alerts, as far as the configuration wants it. */
  startMonitoring(): void {
    const { monitor, alerts } = this.config
    if (!monitor.history) return
    if (alerts.enabled) this.alerts.start()
    this.monitor.start()
  }

  /**
   * What was kept of this database; undefined where nothing was, or not for this role.
   * @param db reads it; without one it can be written to, by the way that migrations take: a service's role may not
   */
  async openHistory(db?: Queryable): Promise<HistoryStore | undefined> {
    const { database, monitor } = this.config
    if (monitor.historyUrl === undefined)
      return findHistory(db ?? this.#apart(this.directUrl), database.schema)
    const url = encrypted(monitor.historyUrl, this.config)
    const source = await readSource(db ?? this.ownQueries)
    return findHistory(this.#apart(url), database.schema, source).catch((error: unknown) => {
      throw historyUnreachable(connectFailure(error, url))
    })
  }

  #apart(url: string): Queryable {
    const pool = new Pool({ connectionString: url, size: 1, overflow: 1, warm: false })
    this.#lifecycle.own('history', () => pool.end())
    return ownQueries(pool)
  }

  /** From where on something is a problem, for the checks. */
  get limits(): Limits {
    return limitsFrom(this.config.monitor)
  }

  /** What the checks of `holdfast/monitor` look at, but for the running pool. @param db beside the pool */
  async checkContext(db: Reader): Promise<CheckContext> {
    const { pool, schema } = this.config.database
    return {
      db,
      identity: await readIdentity(db),
      schema,
      migrations: this.migrations,
      connectionLimit: pool.size + pool.overflow,
      history: this.#monitor?.history ?? (await this.openHistory(db)),
      limits: this.limits,
    }
  }

  #owned<Part extends { close(): unknown }>(name: string, part: Part): Part {
    this.#lifecycle.own(name, () => part.close())
    return part
  }

  /** Folder of this process's own files: the embedded database, the server's token. */
  get stateDirectory(): string {
    return stateDirectoryOf(this.config, this.#cwd)
  }

  /** Installs Holdfast's own schema or brings it up to date; returns the ids that ran. */
  installSchema(): Promise<string[]> {
    return installSchema(this.directUrl, this.config.database.schema, this.config.migrate)
  }

  /** Takes over closing something that was built on this. */
  own(name: string, close: () => unknown): void {
    this.#lifecycle.own(name, close)
  }

  /** Closes everything, the last built first. */
  close(): Promise<void> {
    return this.#lifecycle.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function echoed({ text, durationMs, failed, label }: EchoedQuery): string {
  return `${durationMs.toFixed(1)} ms${failed ? ' failed' : ''}${label ? ` [${label}]` : ''}  ${inOneLine(text)}`
}

/** Production trusts no server that does not prove who it is, unless the URL says so. */
export function encrypted(url: string, { environment, database }: Config): string {
  const { sslMode, sslRootCert } = database.pool
  const mode = sslMode ?? sslModeInUrl(url) ?? (environment === 'production' ? 'verify-full' : undefined)
  return mode === undefined ? url : withSslMode(url, mode, sslRootCert)
}

const LONGEST_TEXT = 200

/** One execution that took long, for the log. */
function slowInWords({ text, durationMs, label, callSite }: SlowQuery): string {
  const where = [label, callSite].filter((one) => one !== undefined && one !== null).join(', ')
  return `A statement took ${formatDuration(durationMs)}${where === '' ? '' : ` (${where})`}: ${inOneLine(hideLiterals(text), LONGEST_TEXT)}`
}
