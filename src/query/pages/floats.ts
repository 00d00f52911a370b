const FLOAT4 = 700
const FLOAT8 = 701

/**
 * The floating-point values of a row in PostgreSQL's binary form, by their places, as texts that are read as the very same values:
 * written by the server with `extra_float_digits` below 1 they would be others.
 * @param hex what `record_send` gives
 */
export function* floatsIn(hex: string): Generator<[place: number, text: string]> {
  const bytes = Buffer.from(hex, 'hex')
  let at = 4
  for (let place = 0; place < bytes.readInt32BE(0); place += 1) {
    const type = bytes.readInt32BE(at)
    const length = bytes.readInt32BE(at + 4)
    at += 8
    if (length === 8 && type === FLOAT8) yield [place, asText(bytes.readDoubleBE(at))]
    // Written as a double it is exact, and read as the same.
    if (length === 4 && type === FLOAT4) yield [place, asText(bytes.readFloatBE(at))]
    at += Math.max(0, length)
  }
}

/** The shortest text that is read as the same; JavaScript has PostgreSQL's words for the rest, but for the zero below zero. */
const asText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value))
