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
  /**
   * `smtp://user:password@host:587`, or `smtps://`. With a password TLS is required: with `smtp:` by STARTTLS, and nothing is sent where the
   * server does not offer it, or somebody between takes the offer away. `?requireTLS=false` in the address says otherwise; on this machine
   * itself it is not needed.
   */
  readonly url: string
  readonly from: string
  readonly to: readonly string[]
}

/** Whether a password would go over a network. */
function needsTls(url: string): boolean {
  const { password, hostname, searchParams } = new URL(url)
  const isHere = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
  return password !== '' && !isHere && searchParams.get('requireTLS') !== 'false'
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
        requireTLS: needsTls(url),
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
