import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import plugin from 'fastify-plugin'
import type { Kysely, Transaction } from 'kysely'
import { type ConfigInput, createHoldfast, type Holdfast } from '../index.ts'
import { withLabel } from '../pool/index.ts'
import { Batch, type QueryTransactionOptions, transaction } from '../query/index.ts'

/**
 * What the plugin's types depend on; a service adds its own:
 * `declare module 'holdfast/fastify' { interface HoldfastTypes { database: Database } }`
 */
// oxlint-disable-next-line no-empty-interface -- it is there to be extended
export interface HoldfastTypes {}

/** The service's tables, as far as it has told. */
export type ServiceDatabase = HoldfastTypes extends { readonly database: infer DB } ? DB : any

/** What the plugin works with. */
export interface HoldfastPluginOptions {
  /** One that is there already. Default: made from `config`. */
  readonly holdfast?: Holdfast<ServiceDatabase>
  /** What `createHoldfast` takes; the environment and the configuration file count, too. */
  readonly config?: ConfigInput
  /** Whether closing the app closes it. Default true. */
  readonly closes?: boolean
  /** Who acts: `request.transaction` tells the database. */
  readonly actor?: (request: FastifyRequest) => QueryTransactionOptions['actor']
}

declare module 'fastify' {
  interface FastifyInstance {
    readonly holdfast: Holdfast<ServiceDatabase>
    /** Kysely on the main pool. */
    readonly db: Kysely<ServiceDatabase>
  }
  interface FastifyRequest {
    /** Loads rows for this request, many in one statement. */
    readonly batch: Batch
    /** A transaction in the name of whoever asks. */
    transaction<T>(
      work: (trx: Transaction<ServiceDatabase>) => Promise<T>,
      options?: QueryTransactionOptions,
    ): Promise<T>
  }
}

const decorate: FastifyPluginAsync<HoldfastPluginOptions> = async (app, options) => {
  const { actor, closes = true } = options
  const holdfast = options.holdfast ?? (await createHoldfast<ServiceDatabase>(options.config))
  if (closes) app.addHook('onClose', () => holdfast.close())
  app.decorate('holdfast', holdfast)
  app.decorate('db', { getter: () => holdfast.db })
  const batches = new WeakMap<FastifyRequest, Batch>()
  app.decorateRequest('batch', {
    getter() {
      const batch = batches.get(this) ?? new Batch()
      batches.set(this, batch)
      return batch
    },
  })
  app.decorateRequest('transaction', function (this: FastifyRequest, work, its) {
    return transaction(holdfast.db, work, { ...its, actor: its?.actor ?? actor?.(this) })
  })
  // Statements and checkouts carry their route: statistics, leaks and reports tell where they come from.
  app.addHook('onRequest', (request, _reply, done) => {
    withLabel(`${request.method} ${request.routeOptions.url ?? '(no route)'}`, done)
  })
}

/**
 * Holdfast in a Fastify app: `app.holdfast`, `app.db`, `request.batch` and `request.transaction`; statements carry
 * their route; closing the app closes the pools.
 *
 * @example
 * import Fastify from 'fastify'
 * import { holdfastPlugin } from 'holdfast/fastify'
 * const app = Fastify()
 * await app.register(holdfastPlugin, { config: { database: { url: process.env.DATABASE_URL } } })
 * app.get('/users', () => app.db.selectFrom('users').select(['id', 'name']).execute())
 */
export const holdfastPlugin = plugin(decorate, { fastify: '5.x', name: 'holdfast' })
