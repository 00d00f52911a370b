import { inOneLine } from '../../core/index.ts'
import type { Channel } from './channel.ts'

/** A line in the service's own log. */
export function log(write: (line: string) => void): Channel {
  return {
    name: 'log',
    async send({ title, text }) {
      write(`Alert: ${title}. ${inOneLine(text)}`)
    },
  }
}
