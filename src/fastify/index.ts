/** Holdfast in a Fastify app: decorates the app and each request, and closes with it. */
export {
  type HoldfastPluginOptions,
  type HoldfastTypes,
  holdfastPlugin,
  type ServiceDatabase,
} from './plugin.ts'
