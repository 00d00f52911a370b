import type { Command } from 'commander'
import { toolVersion } from '../../core/index.ts'
import { type Finish, runWith } from '../command.ts'

export function addVersion(program: Command, finish: Finish): void {
  runWith(
    program.command('version').description('print the versions of Holdfast and Node'),
    finish,
    async ({ out }) => {
      out.result(
        { holdfast: toolVersion(), node: process.version },
        ({ holdfast, node }) => `holdfast ${holdfast} (Node ${node})`,
      )
    },
  )
}
