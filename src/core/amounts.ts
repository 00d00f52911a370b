/** A duration in the unit that keeps about two digits. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`
  if (ms < 172_800_000) return `${(ms / 3_600_000).toFixed(1)} h`
  return `${(ms / 86_400_000).toFixed(1)} d`
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** Bytes as people say them, in binary steps: `48.2 GB`. */
export function formatBytes(bytes: number): string {
  const step = bytes < 1 ? 0 : Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1_024 ** step
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${BYTE_UNITS[step]}`
}

/** `1 migration`, `2 migrations`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/**
 * A text without its line breaks and indentation; what is longer than `most` characters is cut, between two of them. What a terminal would
 * take for a command, or for the direction of writing, is shown as a dot.
 */
export function inOneLine(text: string, most = Number.POSITIVE_INFINITY): string {
  const line = withoutCommands(text.replaceAll(/\s+/g, ' ')).trim()
  return shortened(line, most)
}

/** At most so many characters; what is longer ends with an ellipsis, between two characters. */
export const shortened = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, Math.max(0, most - 1)).replace(/[\uD800-\uDBFF]$/, '')}…` : text

/** Control characters, and what turns the direction of writing or breaks a line. */
// oxlint-disable-next-line no-control-regex -- these are what is looked for
export const COMMANDS = /[\u0000-\u001F\u007F-\u009F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/g

/** With a dot for each of them. */
export const withoutCommands = (text: string): string => text.replaceAll(COMMANDS, '·')

/** JSON with escapes for them, for whoever looks at it on a terminal. JSON itself escapes only the first 32. */
export const escapedJson = (json: string): string =>
  json.replaceAll(COMMANDS, (character) =>
    character < ' ' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
