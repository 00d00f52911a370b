/**
 * Holdfast assembled: one call, every capability on first use. Each capability also works alone, from
 * `holdfast/pool`, `holdfast/migrate`, `holdfast/embedded`, `holdfast/admin`, `holdfast/testing`.
 */
export {
  type Config,
  type ConfigEntry,
  type ConfigInput,
  loadConfig,
  resolveConfig,
  type ResolvedConfig,
} from './config.ts'
export { type ErrorCode, HoldfastError, isHoldfastError, maskUrl } from './core/index.ts'
export { createHoldfast } from './create-holdfast.ts'
export { Holdfast, type HoldfastSurroundings } from './holdfast.ts'
