import { messageOf } from '../../core/index.ts'
import { deliveryFailed } from '../errors.ts'
import type { Channel } from './channel.ts'

/** How letters are sent. */
export interface EmailInput {
  /** `smtp://user:password@host:587`, or `smtps://`. */
  readonly url: string
  readonly from: string
  readonly to: readonly string[]
}

/** By SMTP. */
export function email({ url, from, to }: EmailInput): Channel {
  return {
    name: 'email',
    async send({ id, title, text, database, at }, signal) {
      const { createTransport } = await import('nodemailer')
      const transport = createTransport(url)
      const end = (): void => transport.close()
      signal.addEventListener('abort', end, { once: true })
      try {
        await transport.sendMail({
          from,
          to: [...to],
          subject: `[Holdfast] ${title}`,
          text: `${text}\n\n${database}\n${at}\n`,
          messageId: `<${id}@holdfast>`,
        })
      } catch (error) {
        throw deliveryFailed('email', messageOf(error), error)
      } finally {
        signal.removeEventListener('abort', end)
        end()
      }
    },
  }
}
