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
 * Gives a command its action: one session, closed when it ends, also when Ctrl-C or SIGTERM ends it. The
 * handlers stay for the whole run, so that no signal falls between two of them; the second signal ends at once.
 */
export function runWith<Options extends object>(
  command: Command,
  finish: Finish,
  action: Action<Options & GlobalOptions>,
): Command {
  return command.action(async () => {
    const options = command.optsWithGlobals<Options & GlobalOptions>()
    const session = new Session(options)
    let isStopping = false
    for (const [signal, code] of [
      ['SIGINT', EXIT.interrupted],
      ['SIGTERM', EXIT.terminated],
    ] as const) {
      process.on(signal, () => {
        if (isStopping) process.exit(code)
        isStopping = true
        // What serves stops in good order and ends with 0; anything else was interrupted.
        if (session.stopServing(signal)) return
        session.close().then(
          () => process.exit(code),
          () => process.exit(code),
        )
      })
    }
    try {
      finish((await action(session, options, command.args)) ?? EXIT.ok)
    } finally {
      await session.close()
    }
  })
}
