/** Strings of every kind; identifiers and comments are matched so that a quote in them opens nothing. */
const TOKENS =
  /\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[^]*?(?:\$\1\$|$)|\b[eE]'(?:[^'\\]|''|\\[^])*(?:'|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|--[^\n]*|\/\*|\*\//g

/**
 * The text of a statement without what was written into its strings: those may be values, even secrets. Parameters
 * (`$1`) and numbers stay.
 */
export function hideLiterals(text: string): string {
  let shown = ''
  let at = 0
  // Comments may hold others; what stands in them opens nothing.
  let depth = 0
  TOKENS.lastIndex = 0
  for (let found = TOKENS.exec(text); found; found = TOKENS.exec(text)) {
    const [token] = found
    if (depth > 0 && token !== '/*' && token !== '*/') {
      // It began inside a comment, which may end within it.
      TOKENS.lastIndex = found.index + 1
      continue
    }
    shown += text.slice(at, found.index) + shownAs(token)
    at = TOKENS.lastIndex
    if (token === '/*') depth += 1
    else if (token === '*/') depth = Math.max(0, depth - 1)
  }
  return shown + text.slice(at)
}

const shownAs = (token: string): string =>
  token.startsWith('$') || token.startsWith("'") || /^e'/i.test(token) ? "'…'" : token
