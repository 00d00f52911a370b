import { connect, type Socket } from 'node:net'
import type { TransportOptions } from 'nodemailer'
import { messageOf } from '../../core/index.ts'
import { deliveryFailed } from '../errors.ts'
import type { Channel } from './channel.ts'

/** As nodemailer asks for a way to the server. */
interface Place {
  readonly host?: string
  readonly port?: number | string
  readonly secure?: boolean
}
type Done = (error: Error | null, way?: { readonly connection: Socket }) => void

/** How emails are sent. */
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
    secret: url,
    async send({ id, title, text, database, at }, signal) {
      const { createTransport } = await import('nodemailer')
      // Made here, so that it can be ended: a server that says nothing would keep it open.
      let socket: Socket | undefined
      const transport = createTransport({
        url,
        getSocket({ host = 'localhost', port, secure }: Place, done: Done) {
          const made = connect({ host, port: Number(port ?? (secure === true ? 465 : 587)) }, () => {
            made.off('error', done)
            done(null, { connection: made })
          })
          made.once('error', done)
          socket = made
        },
      } as TransportOptions)
      const end = (): void => {
        socket?.destroy()
        transport.close()
      }
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
