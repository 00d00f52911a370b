/**
 * The HTTP API: health for orchestrators, numbers and live events for people and programs. A Fastify plugin to
 * mount under any prefix, or a server of its own.
 */
export { Admin, type AdminInput } from './admin.ts'
export { includesRole, type Role, ROLES } from './roles.ts'
export { describeApi } from './openapi.ts'
export { ADMIN_OPTIONS, type AdminOptions } from './options.ts'
export { type AdminServer, readTokenFile, serveAdmin, type ServerToken } from './serve.ts'
export type { PoolAdvice, PoolPicture } from './pool-picture.ts'
