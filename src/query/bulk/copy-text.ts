import { prepareValue } from '../../pool/index.ts'

/** What COPY's text format has another spelling for (https://www.postgresql.org/docs/18/sql-copy.html). */
const SPECIAL = /[\\\n\r\t]/
const EACH_SPECIAL = new RegExp(SPECIAL, 'g')
const SPELLING: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** One row in COPY's text format. Values are written as the driver would bind them. */
export function copyLine(values: readonly unknown[]): string {
  let line = ''
  for (let n = 0; n < values.length; n += 1)
    line += n === 0 ? copyField(values[n]) : `\t${copyField(values[n])}`
  return `${line}\n`
}

function copyField(value: unknown): string {
  if (typeof value === 'number') return String(value)
  const text = typeof value === 'string' ? value : prepareValue(value)
  if (text === null || text === undefined) return '\\N'
  if (typeof text !== 'string') return `\\\\x${Buffer.from(text).toString('hex')}`
  return SPECIAL.test(text) ? text.replaceAll(EACH_SPECIAL, (found) => SPELLING[found] as string) : text
}
