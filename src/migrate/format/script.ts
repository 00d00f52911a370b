import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileNotText } from './errors.ts'
import { type Directives, parseDirectives } from './directives.ts'

/** One file of a migration: what is done when it goes up, or down. */
export interface Script {
  readonly path: string
  readonly language: 'sql' | 'typescript'
  /** Line ends are LF, and there is no byte order mark. */
  readonly text: string
  readonly directives: Directives
}

/** @throws HF_MIGRATE_ENCODING, HF_MIGRATE_DIRECTIVE */
export function readScript(path: string): Script {
  const text = readText(path)
  const language = path.endsWith('.ts') ? 'typescript' : 'sql'
  return { path, language, text, directives: parseDirectives(text, path) }
}

/** A script that is in no file: for a single statement, or what another tool made. */
export function sqlScript(path: string, sql: string): Script {
  const text = withLineFeeds(sql)
  return { path, language: 'sql', text, directives: parseDirectives(text, path) }
}

/**
 * A file as text: UTF-8, line ends as LF, without the byte order mark that some editors begin with.
 * @throws HF_MIGRATE_ENCODING naming the line that is something else
 */
export function readText(path: string): string {
  const bytes = readFileSync(path)
  try {
    return withLineFeeds(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw fileNotText(path, lineOfFault(bytes))
  }
}

/** SHA-256 in hexadecimal of the UTF-8 bytes of a text whose line ends are LF. */
export function checksumOf(text: string): string {
  return createHash('sha256').update(withLineFeeds(text)).digest('hex')
}

const withLineFeeds = (text: string): string => text.replaceAll('\r\n', '\n')

function lineOfFault(bytes: Buffer): number {
  let line = 1
  for (let at = 0; at < bytes.length; line += 1) {
    const end = bytes.indexOf(10, at)
    const piece = bytes.subarray(at, end < 0 ? bytes.length : end)
    if (!Buffer.from(piece.toString('utf8')).equals(piece)) return line
    if (end < 0) break
    at = end + 1
  }
  return line
}
