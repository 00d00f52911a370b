import { directiveInvalid } from './errors.ts'

/** Consent to a finding of the linter, with the reason that the next reader will ask for. */
export interface Allowance {
  readonly rule: string
  readonly reason: string
}

/** What the comments at the top of a migration ask for. */
export interface Directives {
  readonly isIrreversible: boolean
  /** `false`: each statement by itself, for what cannot be in a transaction. */
  readonly inTransaction: boolean
  /** Overrides the option, in milliseconds; 0 waits without limit. */
  readonly lockTimeoutMs: number | undefined
  /** Unlimited unless given, in milliseconds. */
  readonly statementTimeoutMs: number | undefined
  /** `expand` prepares for the next version of a service, `contract` removes what the last one needed. */
  readonly phase: 'expand' | 'contract' | undefined
  /** Migrations that must have run before this one. */
  readonly after: readonly string[]
  /** Migrations that this one stands for, since they were squashed into it. */
  readonly replaces: readonly string[]
  readonly allows: readonly Allowance[]
}

interface Draft {
  isIrreversible: boolean
  inTransaction: boolean
  lockTimeoutMs: number | undefined
  statementTimeoutMs: number | undefined
  phase: 'expand' | 'contract' | undefined
  after: string[]
  replaces: string[]
  allows: Allowance[]
}

interface DirectiveReader {
  /** How to write it, for whoever did not. */
  readonly wants: string
  /** Takes the value into the draft; false when it is not what it wants. */
  readonly read: (draft: Draft, value: string) => boolean
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000 }
const A_TIME = 'must be a time like 500ms, 2s, 5min or 1h'
const A_NAME = 'needs the name of a migration'

/** Every directive by name: one place for what is known. */
const DIRECTIVES: Readonly<Record<string, DirectiveReader>> = {
  irreversible: {
    wants: 'takes no value',
    read(draft, value) {
      draft.isIrreversible = true
      return value === ''
    },
  },
  transaction: {
    wants: 'must be transaction=on or transaction=off',
    read(draft, value) {
      draft.inTransaction = value !== 'off'
      return value === 'on' || value === 'off'
    },
  },
  lock_timeout: {
    wants: A_TIME,
    read: (draft, value) => (draft.lockTimeoutMs = durationMs(value)) !== undefined,
  },
  statement_timeout: {
    wants: A_TIME,
    read: (draft, value) => (draft.statementTimeoutMs = durationMs(value)) !== undefined,
  },
  phase: {
    wants: 'must be phase=expand or phase=contract',
    read(draft, value) {
      draft.phase = value === 'expand' || value === 'contract' ? value : undefined
      return draft.phase !== undefined
    },
  },
  after: { wants: A_NAME, read: (draft, value) => value !== '' && draft.after.push(value) > 0 },
  replaces: { wants: A_NAME, read: (draft, value) => value !== '' && draft.replaces.push(value) > 0 },
  allow: {
    wants: 'must name a rule and why: allow=drop-column reason="nothing reads it since 4.2"',
    read(draft, value) {
      const match = /^([a-z][a-z-]*)\s+reason="([^"]*\S[^"]*)"$/.exec(value)
      if (match) draft.allows.push({ rule: match[1] as string, reason: match[2] as string })
      return match !== null
    },
  },
}

const LINE = /^(?:--|\/\/)\s*holdfast:\s*(.*)$/i

/**
 * Reads lines like `-- holdfast: lock_timeout=2s` (in TypeScript `// holdfast: ...`) from the comments before the
 * first statement. `transaction=off irreversible` on one line are two of them.
 * @throws HF_MIGRATE_DIRECTIVE for what is not known or makes no sense
 */
export function parseDirectives(text: string, path: string): Directives {
  const draft: Draft = {
    isIrreversible: false,
    inTransaction: true,
    lockTimeoutMs: undefined,
    statementTimeoutMs: undefined,
    phase: undefined,
    after: [],
    replaces: [],
    allows: [],
  }
  for (const { text: comment, line } of leadingComments(text)) {
    const body = LINE.exec(comment)?.[1]?.trim()
    if (body === undefined) continue
    for (const directive of separate(body)) {
      const [name = '', value = ''] = directive.split(/=(.*)/s)
      const reader = Object.hasOwn(DIRECTIVES, name) ? DIRECTIVES[name] : undefined
      if (!reader)
        throw directiveInvalid(
          path,
          line,
          directive,
          `is not known (known: ${Object.keys(DIRECTIVES).join(', ')})`,
        )
      if (!reader.read(draft, value.trim())) throw directiveInvalid(path, line, directive, reader.wants)
    }
  }
  return Object.freeze(draft)
}

/** `allow` goes to the end of its line; anything else ends at the next blank. */
function separate(body: string): string[] {
  const parts: string[] = []
  let rest = body
  while (rest !== '') {
    const word = rest.startsWith('allow') ? rest : (/^\S+(?:\s*=\s*\S+)?/.exec(rest)?.[0] ?? rest)
    parts.push(word.replace(/\s*=\s*/, '='))
    rest = rest.slice(word.length).trim()
  }
  return parts.length === 0 ? [''] : parts
}

/** Lines of comments before the first statement; a licence in C's manner may stand above them. */
function leadingComments(text: string): { text: string; line: number }[] {
  const comments: { text: string; line: number }[] = []
  let line = 0
  let depth = 0
  // Not split as a whole: a file may be large, and its head is short.
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at)
    const one = text.slice(at, end < 0 ? text.length : end).trim()
    line += 1
    if (depth > 0 || one.startsWith('/*')) depth += count(one, '/*') - count(one, '*/')
    else if (one !== '' && !/^(--|\/\/)/.test(one)) break
    else comments.push({ text: one, line })
    if (end < 0) break
    at = end + 1
  }
  return comments
}

const count = (text: string, mark: string): number => text.split(mark).length - 1

function durationMs(text: string): number | undefined {
  const match = /^(\d{1,9})\s*(ms|s|min|h)$/.exec(text)
  return match ? Number(match[1]) * (UNITS_MS[match[2] as string] as number) : text === '0' ? 0 : undefined
}
