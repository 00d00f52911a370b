import { closeFailed } from './errors.ts'

/**
 * Owns what was opened and closes it in reverse order, so that a part is always closed before what it stands
 * on. States: open -> closing -> closed. What is handed over after that is closed at once.
 */
export class Lifecycle {
  readonly #parts: { name: string; close: () => unknown }[] = []
  #closing: Promise<void> | undefined
  #isClosed = false

  /** Takes over closing `name`. Returns a function that gives the responsibility back. */
  own(name: string, close: () => unknown): () => void {
    const part = { name, close }
    this.#parts.push(part)
    // Somebody built it while the house was being closed, and nobody comes to close it any more.
    if (this.#isClosed) this.#closing = this.#closeAll()
    return () => {
      const index = this.#parts.indexOf(part)
      if (index >= 0) this.#parts.splice(index, 1)
    }
  }

  /**
   * Closes every part, the last opened first, each even when another failed.
   * @throws HF_CLOSE_FAILED naming the parts that failed. Calling again returns the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll()
    return this.#closing
  }

  async #closeAll(): Promise<void> {
    const failures: { name: string; cause: unknown }[] = []
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      try {
        await part.close()
      } catch (cause) {
        failures.push({ name: part.name, cause })
      }
    }
    this.#isClosed = true
    if (failures.length > 0) throw closeFailed(failures)
  }
}
