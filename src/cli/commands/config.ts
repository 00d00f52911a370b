import type { Command } from 'commander'
import { type Config, loadConfig, strayInWords } from '../../config.ts'
import { databaseUrlMissing } from '../../errors.ts'
import { type Finish, runWith } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { table } from '../output.ts'
import { colours } from '../colours.ts'

export function addConfig(program: Command, finish: Finish): void {
  const config = program.command('config').description('the effective configuration')

  runWith(
    config
      .command('show')
      .description('print every option, its value (secrets masked) and where it came from'),
    finish,
    async (session) => {
      const { entries } = await loadConfig({ args: session.configInput() })
      session.out.result(
        { options: entries.map((entry) => ({ ...entry, value: entry.value ?? null })) },
        ({ options }) =>
          table(
            ['option', 'value', 'from', 'environment'],
            options.map(({ name, value, source, env }) => [name, shown(value), source, env.join(' ')]),
          ),
      )
    },
  )

  runWith(
    config
      .command('validate')
      .description('check the configuration without connecting; exit 3 on doubtful variables'),
    finish,
    async (session) => {
      const { config: effective, strays } = await loadConfig({ args: session.configInput() })
      if (effective.environment === 'production' && effective.database.url === undefined)
        throw databaseUrlMissing()
      await validateAlerts(effective)
      session.out.result({ valid: true, unknown_variables: strays }, () =>
        strays.length === 0
          ? 'The configuration is valid.'
          : strays.map((stray) => `${colours.yellow('warning')} ${strayInWords(stray)}`),
      )
      // What has no effect yet will have one; what is misspelt will not.
      return strays.some(({ isUnused }) => !isUnused) ? EXIT.findings : EXIT.ok
    },
  )
}

/** What the options of alerts say together. @throws HF_ALERT_RULE_INVALID, HF_ALERT_METRIC_UNKNOWN, HF_ALERT_EMAIL */
async function validateAlerts({ alerts, monitor }: Config): Promise<void> {
  const { channelsOf, rulesOf } = await import('../../alerts/index.ts')
  const { limitsFrom } = await import('../../monitor/index.ts')
  rulesOf(limitsFrom(monitor), alerts.rules, alerts.off)
  channelsOf(alerts, () => {})
}

function shown(value: unknown): string {
  if (value === null) return '-'
  const isList = Array.isArray(value) && value.every((one) => typeof one !== 'object')
  return (typeof value === 'object' && !isList ? JSON.stringify(value) : String(value)) || '-'
}
