import { randomBytes } from 'node:crypto'
import picocolors from 'picocolors'

const STYLES = ['bold', 'dim', 'red', 'green', 'yellow', 'blue', 'cyan'] as const
type Style = (typeof STYLES)[number]

/** Nobody outside of this process knows it: what a table is called cannot colour anything. */
const SECRET = randomBytes(8).toString('hex')
const MARK = new RegExp(`\u0001${SECRET}(/?)(\\w+)\u0002`, 'g')
const ENDS = Object.fromEntries(STYLES.map((style) => [style, picocolors[style]('x').split('x')]))

/**
 * Colours of what the command line says. They are only marked here; {@link painted} makes them what a terminal understands, where
 * everything else that one would take for a command is taken out.
 */
export const colours = Object.fromEntries(
  STYLES.map((style) => [style, (text: string | number) => mark(style, String(text))]),
) as Readonly<Record<Style, (text: string | number) => string>>

const mark = (style: Style, text: string): string =>
  `\u0001${SECRET}${style}\u0002${text}\u0001${SECRET}/${style}\u0002`

/** How many columns a marked text takes. */
export const widthOf = (text: string): number => text.replaceAll(MARK, '').length

/** A text for a terminal: with our colours, and without any command of others. @param clean takes commands out of a part between marks */
export function painted(text: string, clean: (part: string) => string): string {
  let shown = ''
  let at = 0
  for (const found of text.matchAll(MARK)) {
    const [sign, closes, style = ''] = found
    shown += clean(text.slice(at, found.index)) + (ENDS[style]?.[closes === '' ? 0 : 1] ?? '')
    at = found.index + sign.length
  }
  return shown + clean(text.slice(at))
}
