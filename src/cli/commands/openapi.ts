import type { Command } from 'commander'
import { type Finish, runWith } from '../command.ts'

export function addOpenApi(program: Command, finish: Finish): void {
  runWith(
    program.command('openapi').description('print the OpenAPI 3.1 description of the HTTP API'),
    finish,
    async (session) => {
      const { describeApi } = await import('../../admin/index.ts')
      session.out.document(`${JSON.stringify(await describeApi(), null, 2)}\n`)
    },
  )
}
