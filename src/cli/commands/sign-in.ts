import { type Command, Option } from 'commander'
import { actorHere } from '../../migrate/index.ts'
import { type Finish, runWith } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { askServer, findServer } from '../running-server.ts'

/** A new link to the console of a server that runs already. */
export function addSignIn(program: Command, finish: Finish): void {
  runWith<{ role: string; name?: string }>(
    program
      .command('sign-in')
      .description('print a one-time sign-in link to the console of the server that was started from here')
      .addOption(
        new Option('--role <role>', 'what the person may do')
          .choices(['viewer', 'operator', 'admin'])
          .default('admin'),
      )
      .option('--name <name>', 'whom it is for, as lists and records say it; default: you'),
    finish,
    async (session, { role, name = actorHere() }) => {
      const server = await findServer(true)
      const { path } = await askServer<{ path: string }>(server, 'POST', '/v1/sign-in-links', {
        body: { role, name },
      })
      const link = `${server.url}${path}`
      session.out.result(
        { sign_in_link: link, role, name },
        () => `Sign in, once, within ten minutes: ${link}`,
      )
      return EXIT.ok
    },
  )
}
