import { getRandomValues } from 'node:crypto'
import { type Clock, systemClock } from './clock.ts'

/** Makes identifiers. */
export interface IdSource {
  /** A UUIDv7 in text form. Later ids of one source sort after earlier ones, also within a millisecond. */
  next(): string
}

/** Fills a buffer with random bytes. */
export type RandomSource = (bytes: Uint8Array) => void

/**
 * Makes a source of UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, a 12-bit counter in
 * `rand_a` (section 6.2, method 1: seeded low, so that it rarely overflows), 62 random bits. When the
 * counter overflows, or the clock goes back, the timestamp runs ahead rather than the order breaking.
 */
export function createIdSource(clock: Clock = systemClock, random: RandomSource = getRandomValues): IdSource {
  let lastMs = -1
  let counter = 0
  const bytes = new Uint8Array(16)
  return {
    next() {
      random(bytes)
      const now = clock.now()
      if (now > lastMs) {
        lastMs = now
        counter = (((bytes[6] as number) << 8) | (bytes[7] as number)) & 0x7ff
      } else if (++counter > 0xfff) {
        lastMs += 1
        counter = 0
      }
      for (let index = 5, rest = lastMs; index >= 0; index -= 1) {
        bytes[index] = rest % 256
        rest = Math.floor(rest / 256)
      }
      bytes[6] = 0x70 | (counter >> 8)
      bytes[7] = counter & 0xff
      bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f)
      const hex = Buffer.from(bytes).toString('hex')
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
    },
  }
}

const processIds = createIdSource()

/** A UUIDv7 from the process's own source. */
export function uuidv7(): string {
  return processIds.next()
}
