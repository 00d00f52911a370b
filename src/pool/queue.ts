/** Something that stands in a {@link Queue}. */
export interface Queued {
  /** Where it stands, kept by the queue; -1 while it stands in none. */
  place: number
}

/**
 * Strict order of arrival, in a ring buffer. One that gives up leaves a hole that is skipped later: leaving costs
 * nothing, whatever the length.
 */
export class Queue<Item extends Queued> {
  #ring: (Item | undefined)[] = Array.from({ length: 16 })
  #head = 0
  /** Places in use from the head on, holes included. */
  #length = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  push(item: Item): void {
    if (this.#length === this.#ring.length) this.#rebuild()
    item.place = (this.#head + this.#length) % this.#ring.length
    this.#ring[item.place] = item
    this.#length += 1
    this.#size += 1
  }

  /** The one that waits longest, without taking it out. */
  peek(): Item | undefined {
    while (this.#length > 0 && this.#ring[this.#head] === undefined) {
      this.#head = (this.#head + 1) % this.#ring.length
      this.#length -= 1
    }
    return this.#ring[this.#head]
  }

  /** The first few, without taking them out. */
  first(count: number): Item[] {
    const found: Item[] = []
    for (let index = 0; index < this.#length && found.length < count; index += 1) {
      const item = this.#ring[(this.#head + index) % this.#ring.length]
      if (item) found.push(item)
    }
    return found
  }

  shift(): Item | undefined {
    const item = this.peek()
    if (item) this.remove(item)
    return item
  }

  /** Takes one out from wherever it stands. False when it no longer waits. */
  remove(item: Item): boolean {
    if (item.place < 0) return false
    this.#ring[item.place] = undefined
    item.place = -1
    this.#size -= 1
    return true
  }

  /** Drops the holes, and doubles when there were few. */
  #rebuild(): void {
    const { length } = this.#ring
    const waiting: Item[] = []
    for (let index = 0; index < this.#length; index += 1) {
      const item = this.#ring[(this.#head + index) % length]
      if (item) waiting.push(item)
    }
    this.#ring = Array.from({ length: waiting.length > length / 2 ? length * 2 : length })
    this.#head = 0
    this.#length = waiting.length
    for (const [place, item] of waiting.entries()) {
      this.#ring[place] = item
      item.place = place
    }
  }
}
