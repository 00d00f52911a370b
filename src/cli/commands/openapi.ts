import type { Command } from 'commander'
import { describeApi } from '../../admin/index.ts'
import { type Finish, runWith } from '../command.ts'

export function addOpenApi(program: Command, finish: Finish): void {
  runWith(program.command('openapi').description('print the OpenAPI 3.1 description of the HTTP API'), finish, async () => {
    process.stdout.write(`${JSON.stringify(await describeApi(), null, 2)}\n`)
  })
}
