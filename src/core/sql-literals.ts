/** Words, and what begins something that is not code as it stands: a string, a quoted name, a comment. */
const TOKENS =
  /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|['"]|--|\/\*|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/g
const COMMENT_ENDS = /\/\*|\*\//g
const LINE_ENDS = /[\r\n]/g

/**
 * The text of a statement without what was written into its strings: those may be values, even secrets. Parameters
 * (`$1`) and numbers stay. Each character is looked at once, whatever the text.
 */
export function hideLiterals(text: string): string {
  let shown = ''
  let at = 0
  TOKENS.lastIndex = 0
  for (let found = TOKENS.exec(text); found; found = TOKENS.exec(text)) {
    const [token] = found
    const start = found.index
    const isEscapeString = /^e$/i.test(token) && text[start + 1] === "'"
    if (/^\w|^[\u0080-\uffff]/.test(token) && !isEscapeString) continue
    const end = isEscapeString ? escapeStringEnd(text, start + 2) : endOf(text, token, start + token.length)
    // Not all versions end the number there: what it is, is not known.
    const isDoubtful = isEscapeString && /\d/.test(text[start - 1] ?? '')
    const isString = isEscapeString || token === "'" || token.startsWith('$')
    shown += text.slice(at, start) + (isString ? "'…'" : text.slice(start, end))
    // Where standard_conforming_strings is off it goes on behind such a quote, and nobody here knows: the rest may be a value.
    if (isDoubtful || (token === "'" && text.slice(start, end).includes("\\'"))) return `${shown}…`
    at = end
    TOKENS.lastIndex = end
  }
  return shown + text.slice(at)
}

/** Where what begins with `mark` is over: behind its end, or at the text's where it has none. */
function endOf(text: string, mark: string, from: number): number {
  const behind = (end: string): number => {
    const found = text.indexOf(end, from)
    return found < 0 ? text.length : found + end.length
  }
  if (mark === '--') return lineEnd(text, from)
  if (mark === '/*') return commentEnd(text, from)
  if (mark.startsWith('$')) return behind(mark)
  return quoteEnd(text, mark, from, false)
}

/** PostgreSQL takes a carriage return for the end of a line, too. */
function lineEnd(text: string, from: number): number {
  LINE_ENDS.lastIndex = from
  return LINE_ENDS.test(text) ? LINE_ENDS.lastIndex : text.length
}

/** Behind a line break the next quote goes on with it, escapes and all. */
function escapeStringEnd(text: string, from: number): number {
  let end = quoteEnd(text, "'", from, true)
  for (;;) {
    const next = continuation(text, end)
    if (next === undefined) return end
    end = quoteEnd(text, "'", next, true)
  }
}

/**
 * Where the next part of a string begins that goes on behind `from`: PostgreSQL lets blanks and comments of a line stand between two
 * parts, with a line break among them. What it takes for a blank is less than JavaScript does.
 */
function continuation(text: string, from: number): number | undefined {
  let hasBroken = false
  for (let at = from; at < text.length; at += 1) {
    const character = text[at] as string
    if (character === "'") return hasBroken ? at + 1 : undefined
    if (character === '\n' || character === '\r') hasBroken = true
    else if (text.startsWith('--', at)) {
      at = lineEnd(text, at) - 2 // the break itself is looked at next
      if (!/[\r\n]/.test(text[at + 1] as string)) return undefined
    } else if (!' \t\f\v'.includes(character)) return undefined
  }
  return undefined
}

/** Comments may hold others; what else stands in them opens nothing. */
function commentEnd(text: string, from: number): number {
  let depth = 1
  COMMENT_ENDS.lastIndex = from
  for (let found = COMMENT_ENDS.exec(text); found; found = COMMENT_ENDS.exec(text)) {
    depth += found[0] === '/*' ? 1 : -1
    if (depth === 0) return COMMENT_ENDS.lastIndex
  }
  return text.length
}

/** A quote that is doubled, or escaped where that is possible, ends nothing. */
function quoteEnd(text: string, quote: string, from: number, isEscaped: boolean): number {
  for (let at = from; at < text.length; at += 1) {
    if (isEscaped && text[at] === '\\') at += 1
    else if (text[at] === quote && text[at + 1] === quote) at += 1
    else if (text[at] === quote) return at + 1
  }
  return text.length
}
