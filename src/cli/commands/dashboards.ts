import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { loadConfig } from '../../config.ts'
import { type Finish, runWith } from '../command.ts'
import { EXIT } from '../exit-codes.ts'

/** What goes with the metrics: dashboards for Grafana, rules for Prometheus. */
export function addDashboards(program: Command, finish: Finish): void {
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
      const { asGrafana, asRuleFile, DASHBOARDS, prometheusRules } = await import('../../prometheus/index.ts')
      const { limitsFrom } = await import('../../monitor/index.ts')
      const { config } = await loadConfig({ args: session.configInput() })
      const files = [
        ...DASHBOARDS.map(
          (dashboard) =>
            [`${dashboard.id}.json`, `${JSON.stringify(asGrafana(dashboard), null, 2)}\n`] as const,
        ),
        ['holdfast-rules.yml', asRuleFile(prometheusRules(limitsFrom(config.monitor)))] as const,
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
      session.out.result({ written }, () => written)
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
