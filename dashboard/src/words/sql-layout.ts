/** Clauses that begin a line of their own. */
const CLAUSES =
  /^(?:select|from|where|group\s+by|order\s+by|having|limit|offset|fetch|returning|values|set|union(?:\s+all)?|intersect|except|with|insert\s+into|update|delete\s+from|on\s+conflict|for\s+(?:update|share)|window|(?:left|right|full|inner|cross)\s+(?:outer\s+)?join|join)\b/i
/** Conditions, set in below their clause. */
const CONDITIONS = /^(?:and|or|on)\b/i
/** What is taken as it stands: strings, quoted names, comments, dollar quotes. */
const VERBATIM = /^(?:'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\w*)\$[\s\S]*?\$\1\$)/

/** A statement over several lines, one clause each; what is inside parentheses stays on its line. */
export function layOut(sql: string): string {
  let rest = sql.trim()
  let depth = 0
  let isBetween = false
  const out: string[] = []
  const breakLine = (indent: string): void => {
    if (out.length > 0) out.push(`\n${indent}`)
  }
  while (rest.length > 0) {
    const taken = VERBATIM.exec(rest)?.[0] ?? /^(?:\s+|\w+|[\s\S])/.exec(rest)?.[0] ?? rest
    const clause = depth === 0 && !/\w$/.test(out.at(-1) ?? '') ? CLAUSES.exec(rest)?.[0] : undefined
    if (clause !== undefined) {
      breakLine('')
      out.push(clause.replaceAll(/\s+/g, ' '))
      rest = rest.slice(clause.length)
      continue
    }
    if (/^between$/i.test(taken)) isBetween = true
    if (depth === 0 && CONDITIONS.test(taken)) {
      if (!isBetween || !/^and$/i.test(taken)) breakLine('  ')
      isBetween = false
    }
    if (taken === '(') depth += 1
    if (taken === ')') depth = Math.max(0, depth - 1)
    out.push(/^\s+$/.test(taken) ? ' ' : taken)
    if (taken.startsWith('--')) out.push('\n')
    rest = rest.slice(taken.length)
  }
  return out
    .join('')
    .replaceAll(/ +\n/g, '\n')
    .replaceAll(/\n +(?=\n)/g, '\n')
}
