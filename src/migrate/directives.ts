import { directiveInvalid } from './errors.ts'

/** What the comments at the top of an up.sql ask for. */
export interface Directives {
  readonly isIrreversible: boolean
  /** Overrides the option, in milliseconds. */
  readonly lockTimeoutMs: number | undefined
  /** Unlimited unless given, in milliseconds. */
  readonly statementTimeoutMs: number | undefined
}

const LINE = /^--\s*holdfast:\s*(.*)$/
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000 }

/**
 * Reads lines like `-- holdfast: lock_timeout=2s` from the comments before the first statement.
 * @throws HF_MIGRATE_DIRECTIVE for what is not known, and for what this version cannot honour
 */
export function parseDirectives(sql: string, path: string): Directives {
  let isIrreversible = false
  let lockTimeoutMs: number | undefined
  let statementTimeoutMs: number | undefined
  for (const line of leadingComments(sql)) {
    const directive = LINE.exec(line)?.[1]?.trim()
    if (directive === undefined) continue
    const [name, value = ''] = directive.split(/=(.*)/s)
    if (directive === 'irreversible') isIrreversible = true
    else if (name === 'lock_timeout') lockTimeoutMs = duration(value, directive, path)
    else if (name === 'statement_timeout') statementTimeoutMs = duration(value, directive, path)
    else if (name === 'allow' && /\breason=".+"/.test(value))
      continue // consent for the linter
    else if (name === 'allow') throw directiveInvalid(path, directive, 'needs a reason="..."')
    else if (directive === 'transaction=on') continue
    else if (name === 'transaction' || name === 'phase' || name === 'after') {
      throw directiveInvalid(path, directive, 'cannot be honoured by this version')
    } else throw directiveInvalid(path, directive, 'is not known')
  }
  return { isIrreversible, lockTimeoutMs, statementTimeoutMs }
}

function leadingComments(sql: string): string[] {
  const lines = sql.split('\n').map((line) => line.trim())
  const end = lines.findIndex((line) => line !== '' && !line.startsWith('--'))
  return end < 0 ? lines : lines.slice(0, end)
}

function duration(text: string, directive: string, path: string): number {
  const match = /^(\d+)\s*(ms|s|min|h)$/.exec(text.trim())
  if (!match) throw directiveInvalid(path, directive, 'must be a time like 500ms, 2s, 5min or 1h')
  return Number(match[1]) * (UNITS_MS[match[2] as string] as number)
}
