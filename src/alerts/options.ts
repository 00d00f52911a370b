import { custom, flag, hasPassword, integer, maskUrl, oneOf, type OptionValues, text } from '../core/index.ts'
import { ruleInvalid } from './errors.ts'
import { type AlertRule, faultOfRule } from './rule.ts'

/** Without a password in it: no browser and no fetch takes one there. */
const isWebUrl = (input: string): boolean =>
  /^https?:\/\//.test(input) && URL.canParse(input) && !hasPassword(input) && new URL(input).username === ''

const webUrl = (doc: string, env: string) =>
  custom<string | undefined>({
    doc,
    default: undefined,
    env,
    accepts: 'a URL like https://example.com/path, without a user or a password',
    isSecret: true,
    parse: (input) => (typeof input === 'string' && isWebUrl(input.trim()) ? input.trim() : undefined),
    // Whoever knows the path may write there.
    mask: (url) => `${new URL(url ?? '').origin}/***`,
  })

const words = (input: unknown): readonly string[] | undefined => {
  const items = typeof input === 'string' ? input.split(',').map((one) => one.trim()) : input
  if (!Array.isArray(items)) return undefined
  const known = items.filter((one) => one !== '')
  return known.every((one) => typeof one === 'string') ? Object.freeze(known as string[]) : undefined
}

/** @throws HF_ALERT_RULE_INVALID */
function parseRules(input: unknown): readonly AlertRule[] | undefined {
  if (!Array.isArray(input)) return undefined
  const names = new Set<string>()
  for (const [index, rule] of input.entries()) {
    const name = String((rule as { name?: unknown } | null)?.name ?? `number ${index + 1}`)
    const fault = names.has(name) ? 'another one has the same name' : faultOfRule(rule)
    if (fault !== undefined) throw ruleInvalid(name, fault)
    names.add(name)
  }
  return Object.freeze([...input])
}

/** Options of alerts. */
export const ALERT_OPTIONS = {
  enabled: flag({
    doc: 'Whether somebody is told when something is wrong, where a history is kept.',
    default: true,
    env: 'HOLDFAST_ALERTS',
  }),
  rules: custom<readonly AlertRule[]>({
    doc: 'Rules of your own; one of the name of a built-in rule takes its place.',
    default: Object.freeze([]),
    accepts: 'a list of rules like { name, metric, above: { warning: 80, error: 90 }, forMs: 60000 }',
    parse: parseRules,
  }),
  off: custom<readonly string[]>({
    doc: 'Rules that do not hold, by name, separated by commas.',
    default: Object.freeze([]),
    env: 'HOLDFAST_ALERTS_OFF',
    accepts: 'a list of names',
    parse: words,
  }),
  log: flag({
    doc: 'Whether alerts are written to the log of the process.',
    default: true,
    env: 'HOLDFAST_ALERTS_LOG',
  }),
  webhookUrl: webUrl('Is told of each alert by a POST of JSON.', 'HOLDFAST_ALERTS_WEBHOOK_URL'),
  webhookSecret: text({
    doc: 'Signs what the webhook gets: HMAC-SHA256 in the header x-holdfast-signature.',
    default: undefined,
    env: 'HOLDFAST_ALERTS_WEBHOOK_SECRET',
    isSecret: true,
    pattern: /^.{16,}$/s,
    accepts: 'at least 16 characters',
  }),
  slackUrl: webUrl('A webhook of Slack, or of what understands its messages.', 'HOLDFAST_ALERTS_SLACK_URL'),
  smtpUrl: custom<string | undefined>({
    doc: 'The server that sends emails.',
    default: undefined,
    env: 'HOLDFAST_ALERTS_SMTP_URL',
    accepts: 'a URL like smtp://user:password@host:587 or smtps://host',
    isSecret: true,
    parse: (input) =>
      typeof input === 'string' && /^smtps?:\/\//.test(input) && URL.canParse(input) ? input : undefined,
    mask: (url) => maskUrl(url ?? ''),
  }),
  emailFrom: text({
    doc: 'Whom emails are from.',
    default: undefined,
    env: 'HOLDFAST_ALERTS_EMAIL_FROM',
    pattern: /^[^\s]+@[^\s]+$|^[^<>\r\n]+<[^\s<>]+@[^\s<>]+>$/,
    accepts: 'an address like db@example.com',
  }),
  emailTo: custom<readonly string[]>({
    doc: 'Who gets emails, separated by commas.',
    default: Object.freeze([]),
    env: 'HOLDFAST_ALERTS_EMAIL_TO',
    accepts: 'a list of addresses',
    parse: (input) => {
      const list = words(input)
      return list?.every((one) => /^[^\s@]+@[^\s@]+$/.test(one)) ? list : undefined
    },
  }),
  repeatMs: integer({
    doc: 'How often it is said again while something stays wrong and nobody has acknowledged it.',
    default: 14_400_000,
    min: 60_000,
    max: 604_800_000,
    env: 'HOLDFAST_ALERTS_REPEAT_MS',
  }),
  digest: oneOf(['off', 'daily', 'weekly'], {
    doc: 'How often what operators look at regularly is sent, with what was found; to all channels but the log. Weekly is on Mondays.',
    default: 'weekly',
    env: 'HOLDFAST_ALERTS_DIGEST',
  }),
  digestHour: integer({
    doc: 'From which hour on, in UTC.',
    default: 7,
    min: 0,
    max: 23,
    env: 'HOLDFAST_ALERTS_DIGEST_HOUR',
  }),
} as const

export type AlertOptions = OptionValues<typeof ALERT_OPTIONS>
