import type { Command } from 'commander'
import { type Finish, runWith } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { table } from '../output.ts'
import { askServer, findServer } from '../running-server.ts'

interface ServerFlag {
  readonly server?: string | true
}

interface Listed {
  readonly id: string
  readonly name: string
  readonly role: string
  readonly kind: string
  readonly created_at: string
  readonly last_seen_at: string
  readonly expires_at: string | null
}

const SERVER = ['--server [url]', 'the running server; default: the one that was started from here'] as const

/** Who is signed in to a running server, and ending that. */
export function addSession(program: Command, finish: Finish): void {
  const sessions = program
    .command('session')
    .description('who is signed in to the console, and which programs have a token')

  runWith<ServerFlag>(
    sessions
      .command('list')
      .description('everybody who is in, the latest first')
      .option(...SERVER),
    finish,
    async (session, { server = true }) => {
      const { data } = await askServer<{ data: Listed[] }>(await findServer(server), 'GET', '/v1/sessions', {
        isArray: ['data'],
      })
      session.out.result({ sessions: data }, ({ sessions: all }) =>
        table(
          ['id', 'name', 'role', 'kind', 'since', 'seen last', 'until'],
          all.map((one) => [
            one.id,
            one.name,
            one.role,
            one.kind,
            one.created_at,
            one.last_seen_at,
            one.expires_at,
          ]),
        ),
      )
      return EXIT.ok
    },
  )

  runWith<ServerFlag>(
    sessions
      .command('end')
      .description('end a session or take a token back, at once')
      .argument('<id>')
      .option(...SERVER),
    finish,
    async (session, { server = true }, [id = '']) => {
      await askServer(await findServer(server), 'DELETE', `/v1/sessions/${encodeURIComponent(id)}`)
      session.out.result({ ended: id }, ({ ended }) => `${ended} has ended.`)
      return EXIT.ok
    },
  )
}
