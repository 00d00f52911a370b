import { createHmac } from 'node:crypto'
import { messageOf } from '../../core/index.ts'
import { deliveryFailed } from '../errors.ts'
import type { Channel } from './channel.ts'

/** How the body is made sure of: `v1=` and the HMAC-SHA256 of time, a dot and the body. */
const SIGNATURE = 'x-holdfast-signature'
const TIMESTAMP = 'x-holdfast-timestamp'

/**
 * Posts a notification as JSON. @param secret signs it, so that the other side knows whose it is
 */
export function webhook(url: string, secret?: string): Channel {
  return {
    name: 'webhook',
    secret: `${secret ?? ''} ${url}`,
    async send(notification, signal) {
      const body = JSON.stringify(notification)
      await post('webhook', url, body, signal, {
        'idempotency-key': notification.id,
        ...(secret !== undefined && signatureOf(secret, body)),
      })
    },
  }
}

function signatureOf(secret: string, body: string): Record<string, string> {
  const timestamp = String(Math.floor(Date.now() / 1_000))
  const digest = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
  return { [TIMESTAMP]: timestamp, [SIGNATURE]: `v1=${digest}` }
}

/** Slack's own incoming webhooks, and what understands them: Mattermost, Discord with `/slack`, Rocket.Chat. */
export function slack(url: string): Channel {
  return {
    name: 'slack',
    secret: url,
    async send({ id, title, text, database }, signal) {
      const body = JSON.stringify({ text: `*${escaped(title)}* on ${escaped(database)}\n${escaped(text)}` })
      await post('slack', url, body, signal, { 'idempotency-key': id })
    },
  }
}

/** The three characters that mean something to it. */
const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

async function post(
  channel: Channel['name'],
  url: string,
  body: string,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  let response: Response
  try {
    // Who was named gets it, nobody else.
    response = await fetch(url, {
      method: 'POST',
      body,
      signal,
      redirect: 'manual',
      headers: { 'content-type': 'application/json', ...headers },
    })
  } catch (error) {
    // Whoever knows the address may write there.
    const reason = messageOf((error as Error).cause ?? error).replaceAll(url, 'its address')
    throw deliveryFailed(channel, reason)
  }
  await response.body?.cancel()
  if (!response.ok) throw deliveryFailed(channel, `it answered ${response.status}`)
}
