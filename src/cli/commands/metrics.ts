import type { Command } from 'commander'
import { systemClock } from '../../core/index.ts'
import { examine, StatementFeed } from '../../monitor/index.ts'
import { type Finish, runWith } from '../command.ts'
import { usage } from '../errors.ts'
import { checkContextOf, lookWith } from '../looking.ts'
import { findServer, readServer } from '../running-server.ts'

/** What Prometheus is told. */
export function addMetrics(program: Command, finish: Finish): void {
  runWith<{ server?: string | true }>(
    program
      .command('metrics')
      .description('what Prometheus would be told of the database, or of a running server')
      .option(
        '--server [url]',
        'ask a running server, which knows its pools, too; default: the one of this folder',
      ),
    finish,
    async (session, { server }) => {
      if (session.out.isJson) throw usage('metrics are text for Prometheus: there is no --json')
      if (server !== undefined) {
        session.out.document(await readServer(await findServer(server), '/metrics'))
        return
      }
      const looking = await lookWith(session)
      const { Registry } = await import('prom-client')
      const { DatabaseSource, registerDatabase, registerFindings } = await import('../../prometheus/index.ts')
      const registry = new Registry()
      const { reader } = looking
      registerDatabase(
        registry,
        new DatabaseSource(reader, new StatementFeed(reader, systemClock), systemClock),
      )
      const examination = await examine(await checkContextOf(looking))
      registerFindings(registry, () => examination)
      session.out.document(await registry.metrics())
    },
  )
}
