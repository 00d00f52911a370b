import type { Command } from 'commander'
import {
  alertAsJson,
  type AlertRule,
  type AlertStore,
  DeliveryStore,
  inUnit,
  listedAsJson,
  METRIC_NAMES,
  meaningOf,
  openAlertStore,
  rulesOf,
  silenceAsJson,
  testChannels,
  unsentAsJson,
} from '../../alerts/index.ts'
import { formatDuration, inOneLine } from '../../core/index.ts'
import type { Holdfast } from '../../holdfast.ts'
import { actorHere } from '../../migrate/index.ts'
import { type Finish, runWith } from '../command.ts'
import { usage } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { type Lines, table } from '../output.ts'
import type { Session } from '../session.ts'
import { colours } from '../colours.ts'

const MOST = 50
const LONGEST_TEXT = 60

/** What is wrong, who is told, and what nobody wants to be told of. */
export function addAlert(program: Command, finish: Finish): void {
  const alert = program
    .command('alert')
    .description('what is wrong, who is told, and what nobody wants to be told of for a while')
    .addHelpText(
      'before',
      `Examples:
  holdfast alert list                              what is wrong now; --all: also what is over
  holdfast alert test                              tell everybody that this is a test
  holdfast alert deliveries                        what nobody has taken yet, and why
  holdfast alert silence lock_wait --for 2h --reason 'data move'
  holdfast alert rules                             from where on what is wrong
`,
    )
  addList(alert, finish)
  addDeliveries(alert, finish)
  addAcknowledge(alert, finish)
  addSilence(alert, finish)
  addSilenceList(alert, finish)
  addRules(alert, finish)
  addTest(alert, finish)
}

async function open(session: Session): Promise<{ holdfast: Holdfast; store: AlertStore }> {
  const holdfast = await session.connect()
  const history = await holdfast.openHistory()
  return { holdfast, store: await openAlertStore(history?.place, holdfast.config.database.schema) }
}

function addList(alert: Command, finish: Finish): void {
  runWith<{ all?: boolean }>(
    alert
      .command('list')
      .description('what is wrong; exit 3 when something is')
      .option('--all', 'also what is over, the latest first'),
    finish,
    async (session, { all }) => {
      const { holdfast, store } = await open(session)
      const alerts = all ? await store.list(MOST) : await store.open()
      const now = Date.now()
      const silences = await store.silences(now)
      const shown = alerts.map((one) => listedAsJson(one, silences, now))
      session.out.result({ database: holdfast.address, alerts: shown }, () =>
        shown.length === 0
          ? all
            ? 'There was no alert since alerts are kept.'
            : 'No alert is open.'
          : listInWords(shown),
      )
      const firing = alerts.find(({ state }) => state === 'firing')
      if (firing) session.out.next(firing.action)
      return firing ? EXIT.findings : EXIT.ok
    },
  )
}

const listInWords = (alerts: readonly ReturnType<typeof listedAsJson>[]): Lines => [
  table(
    ['id', 'rule', 'severity', 'state', 'since', 'value', 'process', 'known by'],
    alerts.map((one) => [
      one.id,
      one.rule,
      one.severity,
      one.silenced ? `${one.state}, silenced` : one.state,
      one.since.slice(0, 16).replace('T', ' '),
      one.value === null ? null : inUnit(one.metric, one.value),
      one.instance,
      one.acknowledged_by,
    ]),
  ),
  ...alerts
    .filter(({ state }) => state === 'firing')
    .map(({ rule, message }) => `${colours.bold(rule)}  ${message}`),
]

function addDeliveries(alert: Command, finish: Finish): void {
  runWith(
    alert
      .command('deliveries')
      .description('what nobody has taken yet, or was given up after a week; exit 3 where there is some'),
    finish,
    async (session) => {
      const { holdfast, store } = await open(session)
      const unsent = (await new DeliveryStore(store.place).unsent(MOST)).map(unsentAsJson)
      session.out.result({ database: holdfast.address, deliveries: unsent }, () =>
        unsent.length === 0
          ? 'Whoever was to be told has been told.'
          : table(
              ['channel', 'what', 'since', 'attempts', 'why'],
              unsent.map((one) => [
                one.channel,
                inOneLine(one.title, LONGEST_TEXT),
                one.created_at.slice(0, 16).replace('T', ' '),
                one.attempts,
                one.given_up ? `given up: ${one.error ?? ''}` : one.error,
              ]),
            ),
      )
      if (unsent.length > 0) session.out.next('holdfast alert test')
      return unsent.length > 0 ? EXIT.findings : EXIT.ok
    },
  )
}

function addAcknowledge(alert: Command, finish: Finish): void {
  runWith(
    alert
      .command('ack')
      .description('say that you know of it: it is not said again until it is over')
      .argument('<id>', 'of the alert: holdfast alert list'),
    finish,
    async (session, _, [id = '']) => {
      const { holdfast, store } = await open(session)
      const kept = await store.acknowledge(id, actorHere(), Date.now())
      await holdfast.recorder.record({ action: 'alert.acknowledge', subject: kept.rule, details: { id } })
      session.out.result(
        { database: holdfast.address, alert: alertAsJson(kept) },
        () => `${kept.rule} is acknowledged.`,
      )
      session.out.next(kept.action)
    },
  )
}

function addSilence(alert: Command, finish: Finish): void {
  runWith<{ for: string; reason: string; instance?: string }>(
    alert
      .command('silence')
      .description('tell nobody of a rule for a while; what happens is still kept')
      .argument('<rule>', 'its name, or all')
      .requiredOption('--for <time>', 'how long: 30m, 2h, 7d')
      .requiredOption('--reason <text>', 'why, for those who wonder')
      .option('--instance <host:pid>', 'of one process only'),
    finish,
    async (session, { for: length, reason, instance }, [rule = '']) => {
      const lengthMs = lengthFrom(length)
      if (reason.trim() === '' || instance === '') throw usage('--reason and --instance: not empty')
      const { holdfast, store } = await open(session)
      const known = rulesFrom(holdfast).map(({ name }) => name)
      if (rule !== 'all' && !known.includes(rule))
        throw usage(`There is no rule "${rule}": ${known.join(', ')}, or all.`)
      const now = Date.now()
      const kept = await store.silence({
        rule: rule === 'all' ? null : rule,
        instance: instance ?? null,
        reason,
        createdBy: actorHere(),
        createdAt: now,
        endsAt: now + lengthMs,
      })
      await holdfast.recorder.record({
        action: 'alert.silence',
        subject: rule,
        details: { id: kept.id, for: length, reason },
      })
      session.out.result(
        { database: holdfast.address, silence: silenceAsJson(kept) },
        () => `Nobody is told of ${rule === 'all' ? 'anything' : rule} for ${formatDuration(lengthMs)}.`,
      )
      session.out.next(`holdfast alert lift ${kept.id}`)
    },
  )
}

function addSilenceList(alert: Command, finish: Finish): void {
  runWith(alert.command('silences').description('what nobody is told of now'), finish, async (session) => {
    const { holdfast, store } = await open(session)
    const silences = (await store.silences(Date.now())).map(silenceAsJson)
    session.out.result({ database: holdfast.address, silences }, () =>
      silences.length === 0
        ? 'Nothing is silenced.'
        : table(
            ['id', 'rule', 'process', 'until', 'by', 'why'],
            silences.map((one) => [
              one.id,
              one.rule ?? 'all',
              one.instance,
              one.ends_at,
              one.created_by,
              inOneLine(one.reason),
            ]),
          ),
    )
  })
  runWith(
    alert
      .command('lift')
      .description('end a silence now')
      .argument('<id>', 'of the silence: holdfast alert silences'),
    finish,
    async (session, _, [id = '']) => {
      const { holdfast, store } = await open(session)
      const kept = await store.lift(id, Date.now())
      await holdfast.recorder.record({ action: 'alert.lift', subject: kept.rule ?? 'all', details: { id } })
      session.out.result({ database: holdfast.address, silence: silenceAsJson(kept) }, () => 'It is lifted.')
    },
  )
}

function addRules(alert: Command, finish: Finish): void {
  runWith(alert.command('rules').description('from where on what is wrong'), finish, async (session) => {
    const holdfast = await session.open()
    const rules = rulesFrom(holdfast)
    session.out.result({ rules }, () =>
      table(
        ['rule', 'when', 'for', 'means'],
        rules.map((rule) => [
          rule.name,
          conditionInWords(rule),
          rule.forMs === undefined ? 'at once' : formatDuration(rule.forMs),
          rule.message ?? '',
        ]),
      ),
    )
  })
  runWith(alert.command('metrics').description('what rules may watch'), finish, async (session) => {
    const metrics = METRIC_NAMES.map((name) => ({ name, ...meaningOf(name) }))
    session.out.result({ metrics }, () =>
      table(
        ['metric', 'unit', 'means', 'from'],
        metrics.map(({ name, unit, meaning, source }) => [name, unit ?? '', meaning ?? '', source ?? '']),
      ),
    )
  })
}

function addTest(alert: Command, finish: Finish): void {
  runWith(
    alert.command('test').description('send a test through each channel; exit 1 where one does not take it'),
    finish,
    async (session) => {
      const holdfast = await session.open()
      const channels = await testChannels(holdfast.alertChannels, holdfast.address)
      session.out.result({ channels }, () =>
        channels.length === 0
          ? 'Nobody is told: no channel is configured.'
          : channels.map(({ channel, error }) =>
              error === null
                ? `${colours.green('ok     ')} ${channel}`
                : `${colours.red('failed ')} ${channel}: ${error}`,
            ),
      )
      if (!channels.some(({ channel }) => channel !== 'log'))
        session.out.say(
          'Only the log is told. HOLDFAST_ALERTS_WEBHOOK_URL, _SLACK_URL or _SMTP_URL name others.',
        )
      return channels.some(({ error }) => error !== null) ? EXIT.failure : EXIT.ok
    },
  )
}

const rulesFrom = ({ config, limits }: Holdfast): AlertRule[] =>
  rulesOf(limits, config.alerts.rules, config.alerts.off)

function conditionInWords({ metric, above, below, growsBy, absent }: AlertRule): string {
  if (absent) return `no ${metric} for ${formatDuration(absent.afterMs)}`
  const { warning, error } = above ?? below ?? growsBy ?? {}
  const limits = [warning, error].filter((one) => one !== undefined).map((one) => inUnit(metric, one))
  const how = growsBy
    ? `grows in ${formatDuration(growsBy.withinMs)} by more than`
    : below
      ? 'below'
      : 'above'
  return `${metric} ${how} ${limits.join(' / ')}`
}

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }
const LONGEST_MS = 30 * 86_400_000

/** @throws HF_CLI_USAGE */
function lengthFrom(text: string): number {
  const [, count = '', unit = ''] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? []
  const lengthMs = Number(count) * (UNIT_MS[unit] ?? Number.NaN)
  if (!(lengthMs <= LONGEST_MS)) throw usage('--for: a length like 30m, 2h or 7d, at most 30 days')
  return lengthMs
}
