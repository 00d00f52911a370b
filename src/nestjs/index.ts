/** Holdfast in a NestJS app: a global module that injects the database, and closes with the app. */
export {
  BATCH,
  DATABASE,
  HOLDFAST,
  HoldfastModule,
  type HoldfastModuleAsyncOptions,
  type HoldfastModuleOptions,
  InjectBatch,
  InjectDatabase,
  InjectHoldfast,
  InjectPool,
  POOL,
} from './module.ts'
