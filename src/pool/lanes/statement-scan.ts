/** What a glance at a statement's text tells. */
export interface StatementScan {
  /** It is exactly one statement that returns or changes rows, so it can go over the wire as one. */
  readonly isPlain: boolean
  /** It is exactly one statement that begins, ends or marks a transaction. */
  readonly isControl: boolean
  /** Besides, nothing in it is about the session it runs in: it may share a connection with others. */
  readonly mayShare: boolean
  /** It refers to parameters, `$1`. */
  readonly hasParameters: boolean
}

const PLAIN_KEYWORDS = new Set(['select', 'insert', 'update', 'delete', 'merge', 'with', 'values', 'table'])

const CONTROL_KEYWORDS = new Set(['begin', 'start', 'commit', 'rollback', 'savepoint', 'release'])

/**
 * Functions that leave something behind in the session, read what an earlier statement left there, end sessions,
 * or do nothing but take time.
 */
const SESSION_FUNCTIONS =
  /^(set_config|setseed|currval|lastval|pg_(try_)?advisory_(lock|unlock)\w*|pg_sleep\w*|pg_(terminate|cancel)_backend|pg_export_snapshot|pg_logical_\w+|pg_replication_\w+|lo_\w+|loread|lowrite|dblink\w*|pg_temp)$/

/** Longer ones are rare, cost time to look at, and are slow to run anyway. */
const LONGEST_TEXT = 50_000

const NOTHING: StatementScan = { isPlain: false, isControl: false, mayShare: false, hasParameters: false }

/**
 * White space, comments, strings, quoted and plain names, parameters, single characters. PostgreSQL's own lexical
 * rules (https://www.postgresql.org/docs/18/sql-syntax-lexical.html), as far as finding the end of a statement
 * needs them. Block comments and dollar quotes need counting, and are recognised by their beginning only.
 */
const TOKEN =
  /\s+|--[^\n\r]*|\/\*|[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$\d+|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w.]*|[^]/y

/**
 * Decides how a statement may be sent. In doubt it says no: then the statement runs as it does with any pool, on
 * a connection of its own.
 */
export function scanStatement(text: string): StatementScan {
  if (text.length > LONGEST_TEXT) return NOTHING
  let keyword: string | undefined
  let mayShare = true
  let hasParameters = false
  let hasEnded = false
  TOKEN.lastIndex = 0
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at
    const token = TOKEN.exec(text)?.[0] as string
    const first = token[0] as string
    if (/\s/.test(first) || token.startsWith('--')) continue
    if (token === '/*' || (first === '$' && token.endsWith('$') && token !== '$')) {
      const end = token === '/*' ? endOfComment(text, at) : endOfQuote(text, TOKEN.lastIndex, token)
      if (end < 0) return NOTHING
      TOKEN.lastIndex = end
      if (token === '/*') continue
    }
    if (hasEnded) return NOTHING // a second statement
    if (token === ';') hasEnded = true
    else if (keyword === undefined) {
      keyword = token.toLowerCase()
      if (!PLAIN_KEYWORDS.has(keyword) && !CONTROL_KEYWORDS.has(keyword)) return NOTHING
    } else if (first === "'" || first === '"') {
      // A lone quote is the beginning of one that never ends. Whether a backslash escapes is a setting.
      if (token.length === 1 || (first === "'" && token.includes('\\'))) return NOTHING
      if (first === '"' && SESSION_FUNCTIONS.test(token.slice(1, -1))) mayShare = false
    } else if (first === '$') hasParameters ||= !token.endsWith('$')
    else if (SESSION_FUNCTIONS.test(token.toLowerCase())) mayShare = false
  }
  const isPlain = keyword !== undefined && PLAIN_KEYWORDS.has(keyword)
  const isControl = keyword !== undefined && !isPlain
  return { isPlain, isControl, mayShare: isPlain && mayShare, hasParameters }
}

/** Behind a block comment that begins at `at`; they nest. Negative when it never ends. */
function endOfComment(text: string, at: number): number {
  const edge = /\/\*|\*\//g
  edge.lastIndex = at
  let depth = 0
  for (let found = edge.exec(text); found; found = edge.exec(text)) {
    depth += found[0] === '/*' ? 1 : -1
    if (depth === 0) return edge.lastIndex
  }
  return -1
}

function endOfQuote(text: string, from: number, quote: string): number {
  const end = text.indexOf(quote, from)
  return end < 0 ? -1 : end + quote.length
}
