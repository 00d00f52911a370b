/** What the line needs to know of its connection. */
interface Way {
  readonly isBroken: boolean
  readonly interrupted: Promise<unknown> | undefined
  readonly driver: { readonly readyForQuery: boolean }
  readonly wire: { readonly pending: number; drained(): Promise<void> } | undefined
  /** Resolves when neither the driver nor the wire has anything on its way. */
  quiet(): Promise<void>
}

interface Task {
  readonly run: () => void
  /** It may be cancelled on the server: nothing else must be on its way beside it. */
  readonly needsQuiet: boolean
}

/**
 * What holders send through the driver, in its order: behind statements that went past the driver and are not
 * answered yet, and behind an interruption that is not over. While anything stands here, later statements go through
 * the driver as well, so that nothing overtakes.
 */
export class DriverLine {
  readonly #connection: Way
  readonly #tasks: Task[] = []
  #isMoving = false

  constructor(connection: Way) {
    this.#connection = connection
  }

  get isEmpty(): boolean {
    return this.#tasks.length === 0
  }

  /** Runs `task` now, or when its turn comes. */
  add(run: () => void, needsQuiet: boolean): void {
    if (this.isEmpty && this.#isFree(needsQuiet)) return run()
    this.#tasks.push({ run, needsQuiet })
    if (!this.#isMoving) void this.#move()
  }

  #isFree(needsQuiet: boolean): boolean {
    const { wire, interrupted, driver } = this.#connection
    return !wire?.pending && !interrupted && (!needsQuiet || driver.readyForQuery)
  }

  async #move(): Promise<void> {
    this.#isMoving = true
    for (let task = this.#tasks[0]; task; task = this.#tasks[0]) {
      while (!this.#isFree(task.needsQuiet) && !this.#connection.isBroken) {
        await this.#connection.interrupted
        await this.#connection.wire?.drained()
        // A lost connection ends the wait; the driver then refuses the statement itself.
        if (task.needsQuiet) await this.#connection.quiet().catch(() => {})
      }
      this.#tasks.shift()
      task.run()
    }
    this.#isMoving = false
  }
}
