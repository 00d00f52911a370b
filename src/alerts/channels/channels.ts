import type { AlertOptions } from '../options.ts'
import type { Channel } from './channel.ts'
import { emailIncomplete } from '../errors.ts'
import { email } from './email.ts'
import { log } from './log.ts'
import { slack, webhook } from './webhook.ts'

/** The channels that the options name. @param write a line of the log @throws HF_ALERT_EMAIL */
export function channelsOf(options: AlertOptions, write: (line: string) => void): Channel[] {
  const { webhookUrl, webhookSecret, slackUrl, smtpUrl, emailFrom, emailTo } = options
  if (smtpUrl !== undefined && emailTo.length === 0) throw emailIncomplete()
  return [
    ...(options.log ? [log(write)] : []),
    ...(webhookUrl === undefined ? [] : [webhook(webhookUrl, webhookSecret)]),
    ...(slackUrl === undefined ? [] : [slack(slackUrl)]),
    ...(smtpUrl === undefined
      ? []
      : [email({ url: smtpUrl, from: emailFrom ?? (emailTo[0] as string), to: emailTo })]),
  ]
}
