import { type ConfigInput, loadConfig, strayInWords } from './config.ts'
import { maskUrl } from './core/index.ts'
import { findEmbedded, startEmbedded } from './embedded/index.ts'
import { databaseUrlMissing } from './errors.ts'
import { encrypted, Holdfast, type HoldfastSurroundings, stateDirectoryOf } from './holdfast.ts'

/**
 * Assembles Holdfast from `holdfast.config.ts`, the environment and `input`, later wins. Without a database URL
 * it uses the embedded PostgreSQL of the folder (the one a running process already owns, else its own), except
 * in production.
 *
 * @example
 * const holdfast = await createHoldfast({ database: { url: process.env.DATABASE_URL } })
 * const { rows } = await holdfast.pool.query('SELECT 1 AS one')
 * console.log(rows)
 * await holdfast.close()
 *
 * @throws HF_CONFIG_DATABASE_URL_MISSING, HF_CONFIG_FILE, HF_OPTION_UNKNOWN, HF_OPTION_INVALID, HF_EMBEDDED_*
 */
export async function createHoldfast<DB = any>(
  input: ConfigInput = {},
  surroundings: HoldfastSurroundings = {},
): Promise<Holdfast<DB>> {
  const {
    cwd = process.cwd(),
    env = process.env,
    onNotice = (text) => void process.stderr.write(`${text}\n`),
  } = surroundings
  const { config, entries, strays } = await loadConfig({ cwd, env, args: input })
  // What is like nothing of ours is somebody else's.
  for (const stray of strays) if (stray.suggestion || stray.isUnused) onNotice(strayInWords(stray))
  const around = { cwd, onNotice, entries }
  if (config.database.url !== undefined)
    return new Holdfast<DB>(config, encrypted(config.database.url, config), undefined, around)
  if (config.environment === 'production') throw databaseUrlMissing()
  const directory = stateDirectoryOf(config, cwd)
  const running = findEmbedded(directory)
  if (running) {
    onNotice(
      `No DATABASE_URL: using the embedded PostgreSQL that process ${running.ownerPid} runs (${maskUrl(running.url)}).`,
    )
    return new Holdfast<DB>(config, running.url, undefined, around)
  }
  const server = await startEmbedded({ ...config.embedded, directory })
  onNotice(`No DATABASE_URL: using the embedded PostgreSQL of ${directory} (port ${server.port}).`)
  return new Holdfast<DB>(config, server.url, server, around)
}
