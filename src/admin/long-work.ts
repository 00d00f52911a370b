import { createHash } from 'node:crypto'
import { type Clock, isHoldfastError, messageOf, uuidv7, within } from '../core/index.ts'
import { idempotencyKeyTaken, operationUnknown, tooManyOperations } from './errors.ts'
import type { Role } from './roles.ts'

/** Something that takes longer than a request may. */
export interface LongWork {
  readonly id: string
  /** `noun.verb`, as `migrations.up`. */
  readonly kind: string
  readonly startedBy: Role
  readonly state: 'running' | 'done' | 'failed'
  readonly startedAt: Date
  readonly finishedAt: Date | null
  /** What it said on its way, the latest last. */
  readonly log: readonly { readonly at: Date; readonly text: string }[]
  readonly result: object | null
  readonly error: { readonly code: string | null; readonly message: string } | null
}

/** Who asks for a work, and for which. */
export interface WorkOrder {
  readonly kind: string
  readonly startedBy: Role
  /** What was asked for: with the same key it must be the same. */
  readonly input: object
  /** The request's `Idempotency-Key`, if it has one. */
  readonly key: string | undefined
}

const MOST_KEPT = 100
const MOST_RUNNING = 8
const MOST_LINES = 200
/** How long a closing server waits for what still runs. */
const LONGEST_GOODBYE_MS = 5_000

/** URLs may stand in what a step says. */
const withoutPasswords = (text: string): string => text.replaceAll(/(\/\/[^:/@\s]+):[^@\s]+@/g, '$1:***@')

type Draft = { -readonly [Name in keyof LongWork]: LongWork[Name] } & { log: { at: Date; text: string }[] }

/**
 * Works that outlive their request. Each is running, and then done or failed; it is kept in memory until a hundred
 * later ones have come, or the process ends.
 */
export class LongWorks {
  readonly #clock: Clock
  readonly #works = new Map<string, Draft>()
  readonly #byKey = new Map<string, { readonly id: string; readonly fingerprint: string }>()
  readonly #running = new Set<Promise<void>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The latest first. */
  list(): LongWork[] {
    return [...this.#works.values()].toReversed()
  }

  /** @throws HF_ADMIN_OPERATION_UNKNOWN */
  get(id: string): LongWork {
    const found = this.#works.get(id)
    if (!found) throw operationUnknown(id)
    return found
  }

  /**
   * Begins a work, unless one was begun with the same key: then it is that one.
   * @throws HF_ADMIN_IDEMPOTENCY_KEY, HF_ADMIN_TOO_MANY_OPERATIONS
   */
  start(order: WorkOrder, work: (tell: (text: string) => void) => Promise<object>): LongWork {
    const { kind, startedBy, input } = order
    // Whoever has another role has keys of its own.
    const key = order.key === undefined ? undefined : `${startedBy} ${order.key}`
    const fingerprint = createHash('sha256')
      .update(JSON.stringify([kind, input]))
      .digest('hex')
    const known = key === undefined ? undefined : this.#byKey.get(key)
    if (known && known.fingerprint !== fingerprint) throw idempotencyKeyTaken()
    if (known) return this.get(known.id)
    if (this.#running.size >= MOST_RUNNING) throw tooManyOperations(MOST_RUNNING)
    const draft: Draft = {
      id: uuidv7(),
      kind,
      startedBy,
      state: 'running',
      startedAt: new Date(this.#clock.now()),
      finishedAt: null,
      log: [],
      result: null,
      error: null,
    }
    this.#works.set(draft.id, draft)
    if (key !== undefined) this.#byKey.set(key, { id: draft.id, fingerprint })
    this.#forgetOldest()
    const running = this.#run(draft, work).finally(() => this.#running.delete(running))
    this.#running.add(running)
    return draft
  }

  /** Waits a little for what runs. */
  async close(): Promise<void> {
    const all = Promise.all(this.#running)
    // What does not make it is cut off with the process: each must bear that.
    await within(this.#clock, LONGEST_GOODBYE_MS, all, () => new Error('still running')).catch(() => {})
  }

  async #run(draft: Draft, work: (tell: (text: string) => void) => Promise<object>): Promise<void> {
    const tell = (text: string): void => {
      draft.log.push({ at: new Date(this.#clock.now()), text: withoutPasswords(text) })
      if (draft.log.length > MOST_LINES) draft.log.shift()
    }
    try {
      draft.result = await work(tell)
      draft.state = 'done'
    } catch (error) {
      draft.error = {
        code: isHoldfastError(error) ? error.code : null,
        message: withoutPasswords(messageOf(error)),
      }
      draft.state = 'failed'
    }
    draft.finishedAt = new Date(this.#clock.now())
  }

  #forgetOldest(): void {
    for (const [id, { state }] of this.#works) {
      if (this.#works.size <= MOST_KEPT) return
      if (state === 'running') continue
      this.#works.delete(id)
      for (const [key, known] of this.#byKey) if (known.id === id) this.#byKey.delete(key)
    }
  }
}
