/**
 * A real PostgreSQL 18 server from an npm package, for development and tests: no container, no system package.
 * Started, supervised and stopped by this process; it never outlives it. Linux and macOS.
 *
 * @example
 * import { EMBEDDED_DEFAULTS, startEmbedded } from 'holdfast/embedded'
 * const server = await startEmbedded({ ...EMBEDDED_DEFAULTS, directory: '.holdfast' })
 * console.log(server.port)
 * await server.stop()
 */
import { type OptionValues, resolveOptions } from '../core/index.ts'
import { EMBEDDED_OPTIONS } from './options.ts'

export { EMBEDDED_OPTIONS, type EmbeddedOptions } from './options.ts'
export {
  type EmbeddedEvents,
  EmbeddedServer,
  type EmbeddedSpec,
  findEmbedded,
  removeEmbedded,
  startEmbedded,
} from './server.ts'

/** Every option of the embedded server at its default. */
export const EMBEDDED_DEFAULTS: OptionValues<typeof EMBEDDED_OPTIONS> = resolveOptions(
  'embedded',
  EMBEDDED_OPTIONS,
  [],
).values
