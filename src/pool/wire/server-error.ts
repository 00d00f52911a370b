import pg from 'pg'

/** The fields of an ErrorResponse that the driver names, by their letter in the protocol. */
const FIELDS: Readonly<Record<string, string>> = {
  S: 'severity',
  C: 'code',
  D: 'detail',
  H: 'hint',
  P: 'position',
  p: 'internalPosition',
  q: 'internalQuery',
  W: 'where',
  s: 'schema',
  t: 'table',
  c: 'column',
  d: 'dataType',
  n: 'constraint',
  F: 'file',
  L: 'line',
  R: 'routine',
}

/** Reads an ErrorResponse into the driver's own kind of error. @param at behind the message's length. */
export function readServerError(bytes: Buffer, at: number): pg.DatabaseError {
  const found: Record<string, string | undefined> = {}
  // The driver sets every field, those that are missing to undefined.
  for (const name of Object.values(FIELDS)) found[name] = undefined
  let message = ''
  for (let from = at; bytes[from] !== 0;) {
    const letter = String.fromCharCode(bytes[from] as number)
    const end = bytes.indexOf(0, from + 1)
    const text = bytes.toString('utf8', from + 1, end)
    const name = FIELDS[letter]
    if (name) found[name] = text
    else if (letter === 'M') message = text
    from = end + 1
  }
  const length = bytes.readInt32BE(at - 4)
  return Object.assign(new pg.DatabaseError(message, length, 'error'), found)
}
