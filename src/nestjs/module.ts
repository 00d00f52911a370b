import {
  type ArgumentsHost,
  type CallHandler,
  Catch,
  type DynamicModule,
  type ExecutionContext,
  type FactoryProvider,
  HttpException,
  Inject,
  Logger,
  Module,
  type NestInterceptor,
  type OnApplicationShutdown,
  Scope,
} from '@nestjs/common'
import { APP_FILTER, APP_INTERCEPTOR, BaseExceptionFilter } from '@nestjs/core'
import { Observable, throwError } from 'rxjs'
import { type ConfigInput, createHoldfast, type Holdfast, HoldfastError } from '../index.ts'
import { withLabel } from '../pool/index.ts'
import { Batch } from '../query/index.ts'

/** Injection token of the assembled {@link Holdfast}. */
export const HOLDFAST: symbol = Symbol.for('holdfast')
/** Injection token of Kysely on the main pool. */
export const DATABASE: symbol = Symbol.for('holdfast.database')
/** Injection token of the main pool, for what wants a `pg.Pool`. */
export const POOL: symbol = Symbol.for('holdfast.pool')
/** Injection token of a {@link Batch} for each request. */
export const BATCH: symbol = Symbol.for('holdfast.batch')

/** `@InjectHoldfast()` before a constructor's parameter. */
export const InjectHoldfast = (): ReturnType<typeof Inject> => Inject(HOLDFAST)
/** `@InjectDatabase()` before a constructor's parameter of type `Kysely<Database>`. */
export const InjectDatabase = (): ReturnType<typeof Inject> => Inject(DATABASE)
/** `@InjectPool()` before a constructor's parameter. */
export const InjectPool = (): ReturnType<typeof Inject> => Inject(POOL)
/** `@InjectBatch()` before a constructor's parameter; whoever has one is made for each request. */
export const InjectBatch = (): ReturnType<typeof Inject> => Inject(BATCH)

/** What the module works with. */
export interface HoldfastModuleOptions {
  /** One that is there already. Default: made from `config`. */
  readonly holdfast?: Holdfast
  /** What `createHoldfast` takes; the environment and the configuration file count, too. */
  readonly config?: ConfigInput
  /** Whether closing the app closes it. Default true. */
  readonly closes?: boolean
}

/** The same, made by a factory. */
export type HoldfastModuleAsyncOptions = Pick<
  FactoryProvider<HoldfastModuleOptions>,
  'inject' | 'useFactory'
> &
  Pick<DynamicModule, 'imports'>

const OPTIONS = Symbol('holdfast.options')

/** Closes what the module made, when the app closes. */
class Closing implements OnApplicationShutdown {
  readonly #close: (() => Promise<void>) | undefined

  constructor(close: (() => Promise<void>) | undefined) {
    this.#close = close
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#close?.()
  }
}

/** Statements carry the handler that sends them: `GET Documents.list`. */
class Labels implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const place = `${context.getClass().name}.${context.getHandler().name}`
    const request =
      context.getType() === 'http' ? context.switchToHttp().getRequest<{ method: string }>() : undefined
    const label = request ? `${request.method} ${place}` : place
    return new Observable((subscriber) => withLabel(label, () => next.handle().subscribe(subscriber)))
  }
}

/** Errors of ours that have an HTTP status are answered with it, wherever they were thrown; the others as before. */
class Answers extends BaseExceptionFilter {
  override catch(error: HoldfastError, host: ArgumentsHost): void {
    if (host.getType() !== 'http') return answerElsewhere(error, host) as never
    const { statusCode, code, message } = error
    const answer =
      statusCode === undefined
        ? error
        : new HttpException({ statusCode, code, message }, statusCode, { cause: error })
    // oxlint-disable-next-line promise/valid-params, promise/no-promise-in-callback -- the framework's name for it
    super.catch(answer, host)
  }
}

const LOGGER = new Logger('HoldfastModule')

/**
 * Over anything but HTTP who asks may be another service, and an error of ours may hold statements of other requests: it is logged, and
 * answered in the words of Nest's own filters. What is asked within the process gets it as it is.
 */
function answerElsewhere(error: HoldfastError, host: ArgumentsHost): Observable<never> | void {
  const kind = host.getType<string>()
  if (!['rpc', 'ws'].includes(kind)) throw error
  LOGGER.error(error.message, error.stack)
  const answer = { status: 'error', message: 'Internal server error' }
  if (kind === 'rpc') return throwError(() => answer)
  host.switchToWs().getClient<{ emit(event: string, answer: object): void }>().emit('exception', answer)
}

/**
 * Holdfast in a NestJS app: one for the whole app, its Kysely and its pool to inject, a batch for each request;
 * statements carry their handler; closing the app closes the pools.
 *
 * @example
 * import { Controller, Get, Module } from '@nestjs/common'
 * import type { Kysely } from 'kysely'
 * import { HoldfastModule, InjectDatabase } from 'holdfast/nestjs'
 * @Controller('users')
 * class Users {
 *   constructor(@InjectDatabase() private readonly db: Kysely<Database>) {}
 *   @Get() list() { return this.db.selectFrom('users').select(['id', 'name']).execute() }
 * }
 * @Module({ imports: [HoldfastModule.forRoot()], controllers: [Users] })
 * class App {}
 */
// oxlint-disable-next-line no-extraneous-class -- NestJS knows modules by their class
export class HoldfastModule {
  static forRoot(options: HoldfastModuleOptions = {}): DynamicModule {
    return HoldfastModule.forRootAsync({ useFactory: () => options })
  }

  static forRootAsync({ imports = [], inject = [], useFactory }: HoldfastModuleAsyncOptions): DynamicModule {
    return {
      module: HoldfastModule,
      global: true,
      imports,
      providers: [
        { provide: OPTIONS, inject, useFactory },
        {
          provide: HOLDFAST,
          inject: [OPTIONS],
          useFactory: ({ holdfast, config }: HoldfastModuleOptions) => holdfast ?? createHoldfast(config),
        },
        { provide: DATABASE, inject: [HOLDFAST], useFactory: ({ db }: Holdfast) => db },
        { provide: POOL, inject: [HOLDFAST], useFactory: ({ pool }: Holdfast) => pool },
        { provide: BATCH, scope: Scope.REQUEST, useFactory: () => new Batch() },
        {
          provide: Closing,
          inject: [OPTIONS, HOLDFAST],
          useFactory: ({ closes = true }: HoldfastModuleOptions, holdfast: Holdfast) =>
            new Closing(closes ? () => holdfast.close() : undefined),
        },
        { provide: APP_INTERCEPTOR, useClass: Labels },
        { provide: APP_FILTER, useClass: Answers },
      ],
      exports: [HOLDFAST, DATABASE, POOL, BATCH],
    }
  }
}

// The decorators, called: they are syntax that Node does not strip.
Module({})(HoldfastModule)
Catch(HoldfastError)(Answers)
