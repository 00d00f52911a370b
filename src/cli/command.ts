import type { Command } from 'commander'
import { EXIT } from './exit-codes.ts'
import { type GlobalOptions, Session } from './session.ts'

/** What a command does. Returns its exit code; nothing means 0. */
export type Action<Options> = (
  session: Session,
  options: Options,
  args: readonly string[],
) => Promise<number | void>

/** How the program ends; only `main` knows. */
export type Finish = (code: number) => void

/**
 * Gives a command its action: one session, closed when it ends, also when Ctrl-C or SIGTERM ends it. What serves
 * until it is told to stop takes the signals over with {@link untilStopped}.
 */
export function runWith<Options extends object>(
  command: Command,
  finish: Finish,
  action: Action<Options & GlobalOptions>,
): Command {
  return command.action(async () => {
    const options = command.optsWithGlobals<Options & GlobalOptions>()
    const session = new Session(options)
    const stop = (code: number) => (): void => {
      void session
        .close()
        .catch(() => {})
        .finally(() => process.exit(code))
    }
    const onInterrupt = stop(EXIT.interrupted)
    const onTerminate = stop(EXIT.terminated)
    process.once('SIGINT', onInterrupt)
    process.once('SIGTERM', onTerminate)
    try {
      finish((await action(session, options, command.args)) ?? EXIT.ok)
    } finally {
      await session.close()
      process.off('SIGINT', onInterrupt)
      process.off('SIGTERM', onTerminate)
    }
  })
}

/** Resolves when the process is asked to stop. The first signal stops in good order; a second one at once. */
export function untilStopped(): Promise<NodeJS.Signals> {
  process.removeAllListeners('SIGINT')
  process.removeAllListeners('SIGTERM')
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        process.once('SIGINT', () => process.exit(EXIT.interrupted))
        resolve(signal)
      })
    }
  })
}
