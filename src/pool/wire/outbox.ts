/** A parameter as it goes over the wire: text, bytes, or NULL. */
export type WireValue = string | Buffer | null

const CHUNK_BYTES = 32_768
/** Above this many characters a string is measured instead of assumed to need three bytes for each. */
const MEASURED_FROM = 1_024

/**
 * Messages of the frontend, written one behind the other and taken out as one piece. The bytes that were taken
 * are never written again, so the socket may keep them for as long as it likes.
 *
 * Format: https://www.postgresql.org/docs/18/protocol-message-formats.html
 */
export class Outbox {
  #chunk: Buffer | undefined
  #start = 0
  #end = 0

  /** Where the next message begins, for {@link rewind}. */
  get mark(): number {
    return this.#end - this.#start
  }

  /** Forgets what was written since `mark`. */
  rewind(mark: number): void {
    this.#end = this.#start + mark
  }

  /** What was written since the last time. */
  take(): Buffer {
    const taken = (this.#chunk as Buffer).subarray(this.#start, this.#end)
    this.#start = this.#end
    // One enormous message must not leave its size behind.
    if ((this.#chunk as Buffer).length > CHUNK_BYTES) this.#forget()
    return taken
  }

  /** A statement of the simple protocol: parsed, run and answered at once, a Sync of its own included. */
  query(text: string): void {
    const chunk = this.#room(6 + bytesAtMost(text))
    const lengthAt = this.#begin(chunk, 0x51) // Q
    this.#cstring(chunk, text)
    this.#finish(chunk, lengthAt)
  }

  parse(name: string, text: string): void {
    const chunk = this.#room(5 + bytesAtMost(name) + bytesAtMost(text) + 4)
    const lengthAt = this.#begin(chunk, 0x50) // P
    this.#cstring(chunk, name)
    this.#cstring(chunk, text)
    this.#int16(chunk, 0)
    this.#finish(chunk, lengthAt)
  }

  /** Binds the unnamed portal; results come as text, bytes go as they are. */
  bind(statement: string, values: readonly WireValue[]): void {
    let needed = 5 + 1 + bytesAtMost(statement) + 1 + 8 + 2 * values.length
    for (const value of values)
      needed += 4 + (typeof value === 'string' ? bytesAtMost(value) : (value?.length ?? 0))
    const chunk = this.#room(needed)
    const lengthAt = this.#begin(chunk, 0x42) // B
    chunk[this.#end++] = 0
    this.#cstring(chunk, statement)
    this.#formats(chunk, values)
    this.#int16(chunk, values.length)
    for (const value of values) this.#value(chunk, value)
    this.#int16(chunk, 0)
    this.#finish(chunk, lengthAt)
  }

  describePortal(): void {
    const chunk = this.#room(7)
    const lengthAt = this.#begin(chunk, 0x44) // D
    chunk[this.#end++] = 0x50
    chunk[this.#end++] = 0
    this.#finish(chunk, lengthAt)
  }

  /** Tells the types of its parameters, too. */
  describeStatement(name: string): void {
    const chunk = this.#room(7 + bytesAtMost(name))
    const lengthAt = this.#begin(chunk, 0x44) // D
    chunk[this.#end++] = 0x53
    this.#cstring(chunk, name)
    this.#finish(chunk, lengthAt)
  }

  execute(): void {
    const chunk = this.#room(10)
    const lengthAt = this.#begin(chunk, 0x45) // E
    chunk[this.#end++] = 0
    this.#int32(chunk, 0)
    this.#finish(chunk, lengthAt)
  }

  closeStatement(name: string): void {
    const chunk = this.#room(7 + bytesAtMost(name))
    const lengthAt = this.#begin(chunk, 0x43) // C
    chunk[this.#end++] = 0x53
    this.#cstring(chunk, name)
    this.#finish(chunk, lengthAt)
  }

  sync(): void {
    const chunk = this.#room(5)
    this.#finish(chunk, this.#begin(chunk, 0x53)) // S
  }

  /** All values as text, unless some are bytes. */
  #formats(chunk: Buffer, values: readonly WireValue[]): void {
    let hasBytes = false
    for (const value of values) if (typeof value === 'object' && value !== null) hasBytes = true
    if (!hasBytes) return this.#int16(chunk, 0)
    this.#int16(chunk, values.length)
    for (const value of values) this.#int16(chunk, typeof value === 'object' && value !== null ? 1 : 0)
  }

  #value(chunk: Buffer, value: WireValue): void {
    if (value === null) return this.#int32(chunk, -1)
    const at = this.#end + 4
    const length = typeof value === 'string' ? chunk.write(value, at) : value.copy(chunk, at)
    this.#int32(chunk, length)
    this.#end = at + length
  }

  #cstring(chunk: Buffer, text: string): void {
    this.#end += chunk.write(text, this.#end)
    chunk[this.#end++] = 0
  }

  #int16(chunk: Buffer, value: number): void {
    chunk[this.#end++] = value >>> 8
    chunk[this.#end++] = value
  }

  #int32(chunk: Buffer, value: number): void {
    chunk[this.#end++] = value >>> 24
    chunk[this.#end++] = value >>> 16
    chunk[this.#end++] = value >>> 8
    chunk[this.#end++] = value
  }

  /** Begins a message; returns where its length belongs. */
  #begin(chunk: Buffer, code: number): number {
    chunk[this.#end] = code
    const lengthAt = this.#end + 1
    this.#end += 5
    return lengthAt
  }

  #finish(chunk: Buffer, lengthAt: number): void {
    const end = this.#end
    this.#end = lengthAt
    this.#int32(chunk, end - lengthAt)
    this.#end = end
  }

  /** A chunk with room for so many bytes; what is not taken yet moves along. */
  #room(bytes: number): Buffer {
    const chunk = this.#chunk
    if (chunk && chunk.length - this.#end >= bytes) return chunk
    const waiting = this.#end - this.#start
    const larger = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, 2 * (waiting + bytes)))
    chunk?.copy(larger, 0, this.#start, this.#end)
    this.#chunk = larger
    this.#start = 0
    this.#end = waiting
    return larger
  }

  #forget(): void {
    this.#chunk = undefined
    this.#start = 0
    this.#end = 0
  }
}

/** How many bytes a string takes in UTF-8, or a little more. */
function bytesAtMost(text: string): number {
  return text.length < MEASURED_FROM ? 3 * text.length : Buffer.byteLength(text)
}
