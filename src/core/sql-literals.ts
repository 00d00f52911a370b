/** Strings of every kind; identifiers and comments are matched so that a quote in them opens nothing. */
const TOKENS =
  /\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[^]*?(?:\$\1\$|$)|\b[eE]'(?:[^'\\]|''|\\[^])*(?:'|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|--[^\n]*|\/\*[^]*?(?:\*\/|$)/g

/**
 * The text of a statement without what was written into its strings: those may be values, even secrets. Parameters
 * (`$1`) and numbers stay.
 */
export function hideLiterals(text: string): string {
  return text.replaceAll(TOKENS, (token) => {
    if (token.startsWith('$')) return "'…'"
    return token.startsWith("'") || /^e'/i.test(token) ? "'…'" : token
  })
}
