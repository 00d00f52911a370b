/** A process that owns an embedded server and does nothing else. No signal handlers: it dies as any program would. */
import { EMBEDDED_DEFAULTS, startEmbedded } from '../../src/embedded/index.ts'

const [, , directory = '', kind] = process.argv
try {
  const server = await startEmbedded({ ...EMBEDDED_DEFAULTS, directory, durable: kind !== 'throwaway' })
  console.log(`running ${server.pid} ${server.url}`)
} catch (error) {
  console.log((error as { code?: string }).code)
}
