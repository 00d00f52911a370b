import { createHash } from 'node:crypto'
import { type Clock, isHoldfastError, messageOf, shortened, uuidv7, within } from '../core/index.ts'
import { endable } from '../pool/index.ts'
import type { Identity } from './console-sessions.ts'
import {
  idempotencyKeyTaken,
  operationEnded,
  operationOver,
  operationUnknown,
  tooManyOperations,
} from './errors.ts'
import type { Role } from './roles.ts'

/** Something that takes longer than a request may. */
export interface LongWork {
  readonly id: string
  /** `noun.verb`, as `migrations.up`. */
  readonly kind: string
  readonly startedBy: Role
  /** Of the session or token that asked for it. */
  readonly startedByName: string
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
  readonly startedBy: Pick<Identity, 'id' | 'name' | 'role'>
  /** What was asked for: with the same key it must be the same. */
  readonly input: object
  /** The request's `Idempotency-Key`, if it has one. */
  readonly key: string | undefined
}

const MOST_KEPT = 100
const MOST_RUNNING = 4
const MOST_LINES = 200
const LONGEST_LINE = 10_000
/** How long a closing server waits for what still runs. */
const LONGEST_GOODBYE_MS = 5_000

/** URLs and statements may stand in what a step says. */
const withoutPasswords = (text: string): string =>
  text
    .replaceAll(/\S+/g, withoutUrlPassword)
    // A blank may stand in one, too.
    .replaceAll(/\b((?:postgres(?:ql)?|rediss?):\/\/[^\s:@/]*:)[^@]{1,200}@/gi, '$1***@')
    .replaceAll(/\b((?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.|'')*'|[^\s&;,]+)/gi, '$1***')
    .replaceAll(/\b(password\s+)E?'(?:[^'\\]|\\.|'')*'/gi, "$1'***'")

/** In one word, up to its last @: what stands raw in a password may be one, too. */
function withoutUrlPassword(word: string): string {
  const start = word.indexOf('//')
  const at = word.lastIndexOf('@')
  const colon = word.indexOf(':', start + 2)
  return start < 0 || colon < 0 || at < colon ? word : `${word.slice(0, colon + 1)}***${word.slice(at)}`
}

type Draft = { -readonly [Name in keyof LongWork]: LongWork[Name] } & { log: { at: Date; text: string }[] }

/** One that runs. */
interface Running {
  readonly fingerprint: string
  readonly ending: AbortController
  readonly end: Promise<void>
}

/**
 * Works that outlive their request. Each is running, and then done or failed; it is kept in memory until a hundred
 * later ones have come, or the process ends.
 */
export class LongWorks {
  readonly #clock: Clock
  readonly #works = new Map<string, Draft>()
  readonly #byKey = new Map<string, { readonly id: string; readonly fingerprint: string }>()
  readonly #running = new Map<string, Running>()

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
   * Begins a work, unless one was begun with the same key, or the same is being done: then it is that one.
   * @throws HF_ADMIN_IDEMPOTENCY_KEY, HF_ADMIN_TOO_MANY_OPERATIONS
   */
  start(order: WorkOrder, work: (tell: (text: string) => void) => Promise<object>): LongWork {
    const { kind, startedBy, input } = order
    // Others have keys of their own.
    const key = order.key === undefined ? undefined : `${startedBy.id} ${order.key}`
    const fingerprint = createHash('sha256')
      .update(JSON.stringify([kind, inOrder(input)]))
      .digest('hex')
    const known = key === undefined ? undefined : this.#byKey.get(key)
    if (known && known.fingerprint !== fingerprint) throw idempotencyKeyTaken()
    if (known) return this.get(known.id)
    const same = [...this.#running].find(([, one]) => one.fingerprint === fingerprint)
    if (same) {
      // Asked for again with the key, it is still this one, also when it is over.
      if (key !== undefined) this.#byKey.set(key, { id: same[0], fingerprint })
      return this.get(same[0])
    }
    if (this.#running.size >= MOST_RUNNING) throw tooManyOperations(MOST_RUNNING)
    const draft: Draft = {
      id: uuidv7(),
      kind,
      startedBy: startedBy.role,
      startedByName: startedBy.name,
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
    const ending = new AbortController()
    const end = this.#run(draft, ending.signal, work).finally(() => this.#running.delete(draft.id))
    this.#running.set(draft.id, { fingerprint, ending, end })
    return draft
  }

  /**
   * Ends one that runs: what it is doing in the database is cancelled and undone, as after a crash; what it had finished stays.
   * Resolves when it has ended.
   * @throws HF_ADMIN_OPERATION_UNKNOWN, HF_ADMIN_OPERATION_OVER
   */
  async end(id: string, by: string): Promise<LongWork> {
    const work = this.get(id)
    const running = this.#running.get(id)
    if (!running) throw operationOver(id)
    running.ending.abort(operationEnded(by))
    await running.end
    return work
  }

  /** Waits a little for what runs. */
  async close(): Promise<void> {
    const all = Promise.all([...this.#running.values()].map(({ end }) => end))
    // What does not make it is cut off with the process: each must bear that.
    await within(this.#clock, LONGEST_GOODBYE_MS, all, () => new Error('still running')).catch(() => {})
  }

  async #run(
    draft: Draft,
    ending: AbortSignal,
    work: (tell: (text: string) => void) => Promise<object>,
  ): Promise<void> {
    const tell = (text: string): void => {
      draft.log.push({
        at: new Date(this.#clock.now()),
        text: withoutPasswords(shortened(text, LONGEST_LINE)),
      })
      if (draft.log.length > MOST_LINES) draft.log.shift()
    }
    try {
      draft.result = await endable(ending, () => work(tell))
      // What notes the failures of its steps comes to its end also when it was cut short.
      ending.throwIfAborted()
      draft.state = 'done'
    } catch (failure) {
      // What a connection that was cut says is not why.
      const error: unknown = ending.aborted ? ending.reason : failure
      draft.error = {
        code: isHoldfastError(error) ? error.code : null,
        message: withoutPasswords(shortened(messageOf(error), LONGEST_LINE)),
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

/** The order of an object's members says nothing. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return members.map(([name, one]) => [name, inOrder(one)])
}
