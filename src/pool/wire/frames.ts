/** A code byte and the length, which counts itself. */
export const HEADER_BYTES = 5

/** The length of the frame that begins at `at`, its code byte included; the header must be there. */
export function frameLength(bytes: Buffer, at: number): number {
  return 1 + readInt32(bytes, at + 1)
}

/** Faster than `readInt32BE`: the caller knows that the bytes are there. */
export function readInt32(bytes: Buffer, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}

export function readInt16(bytes: Buffer, at: number): number {
  return (((bytes[at] as number) << 24) >> 16) | (bytes[at + 1] as number)
}

/** Puts together the frames that the socket delivers in pieces; each byte is copied once at most. */
export class FrameJoiner {
  #parts: Buffer[] = []
  #bytes = 0
  #neededBytes = 0

  /** Bytes that begin with a frame; undefined while the one that was kept is still incomplete. */
  join(chunk: Buffer): Buffer | undefined {
    if (this.#bytes === 0) return chunk
    this.#parts.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes < this.#neededBytes) return undefined
    const whole = Buffer.concat(this.#parts, this.#bytes)
    this.#parts = []
    this.#bytes = 0
    return whole
  }

  /** Keeps the beginning of a frame until the rest is there. */
  keep(beginning: Buffer): void {
    this.#parts.push(beginning)
    this.#bytes = beginning.length
    this.#neededBytes = beginning.length < HEADER_BYTES ? HEADER_BYTES : frameLength(beginning, 0)
  }
}
