import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { systemClock } from '../../core/index.ts'
import { Checkup, StatementFeed } from '../../monitor/index.ts'
import { type Finish, runWith } from '../command.ts'
import { usage } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { checkContextOf, lookWith } from '../looking.ts'
import { findServer, readServer } from '../running-server.ts'

/** What Prometheus is told, and what goes with it. */
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
        process.stdout.write(await readServer(await findServer(server), '/metrics'))
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
      const checkup = new Checkup(() => checkContextOf(looking), systemClock)
      registerFindings(registry, () => checkup.latest)
      void checkup.latest
      await checkup.idle()
      process.stdout.write(await registry.metrics())
    },
  )

  const dashboards = program
    .command('dashboards')
    .description('dashboards for Grafana and rules for Prometheus')
  runWith<{ force?: boolean }>(
    dashboards
      .command('export')
      .description('write them into a folder')
      .argument('[folder]', 'made where it is not there; default: holdfast-dashboards')
      .option('--force', 'also over files that were changed'),
    finish,
    async (session, { force }, [folder = 'holdfast-dashboards']) => {
      const { asGrafana, asRuleFile, DASHBOARDS } = await import('../../prometheus/index.ts')
      const files = [
        ...DASHBOARDS.map(
          (dashboard) =>
            [`${dashboard.id}.json`, `${JSON.stringify(asGrafana(dashboard), null, 2)}\n`] as const,
        ),
        ['holdfast-rules.yml', asRuleFile()] as const,
      ]
      const changed = files
        .map(([name]) => name)
        .filter((name, index) => isOther(join(folder, name), files[index]?.[1] ?? ''))
      if (changed.length > 0 && force !== true) {
        session.out.say(
          `Not written: ${changed.join(', ')} in ${folder} is not as it would be. --force writes over it.`,
        )
        return EXIT.failure
      }
      mkdirSync(folder, { recursive: true })
      for (const [name, text] of files) writeFileSync(join(folder, name), text)
      const written = files.map(([name]) => join(folder, name))
      session.out.result({ written }, () => written.join('\n'))
      session.out.next(`promtool check rules ${join(folder, 'holdfast-rules.yml')}`)
      return EXIT.ok
    },
  )
}

function isOther(path: string, text: string): boolean {
  try {
    return readFileSync(path, 'utf8') !== text
  } catch {
    return false // not there
  }
}
