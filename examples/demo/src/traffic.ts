import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { SIZES } from './seed.ts'

/** What became of the requests so far. */
export interface TrafficCount {
  answered: number
  failed: number
}

/** Gentle traffic that can be stopped. */
export interface Traffic {
  readonly count: Readonly<TrafficCount>
  stop(): Promise<void>
}

/** A small generator whose sequence depends on its seed alone (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The same ids as in the seeding. */
function idOf(kind: string, n: number): string {
  const hex = createHash('md5').update(`${kind}${n}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH'
  readonly path: string
  readonly body?: object
}

function nextCall(random: () => number): Call {
  const pick = (count: number): number => Math.floor(random() * count)
  const user = idOf('user', pick(SIZES.users))
  const document = idOf('document', pick(SIZES.documents))
  const dice = random()
  if (dice < 0.35) return { method: 'GET', path: `/documents/${document}` }
  if (dice < 0.6)
    return { method: 'GET', path: `/projects/${idOf('project', pick(SIZES.projects))}/documents` }
  if (dice < 0.75) return { method: 'GET', path: `/users/${user}/activity` }
  if (dice < 0.87) return { method: 'PATCH', path: `/documents/${document}`, body: { userId: user } }
  if (dice < 0.92) return { method: 'POST', path: '/sessions', body: { userId: user } }
  if (dice < 0.94) return { method: 'GET', path: `/users?page=${1 + pick(SIZES.users / 20)}` }
  if (dice < 0.97) return { method: 'POST', path: '/workflows/advance', body: {} }
  return { method: 'GET', path: `/documents?title=${pick(SIZES.documents)}` }
}

/**
 * Calls the service about `perSecond` times a second, in a sequence that its seed decides. A service that does
 * not answer is called on: that is what people do.
 */
export function startTraffic(baseUrl: string, perSecond = 15, seed = 42): Traffic {
  const random = seededRandom(seed)
  const stopping = new AbortController()
  const count: TrafficCount = { answered: 0, failed: 0 }
  const running = new Set<Promise<void>>()

  async function call({ method, path, body }: Call): Promise<void> {
    try {
      const response = await fetch(`${baseUrl}${path}`, {
        method,
        signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(5_000)]),
        ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      })
      await response.arrayBuffer()
      if (response.ok) count.answered += 1
      else count.failed += 1
    } catch {
      if (!stopping.signal.aborted) count.failed += 1
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const one = call(nextCall(random)).finally(() => running.delete(one))
      running.add(one)
      // Between half and one and a half of the mean distance.
      await pause(((0.5 + random()) * 1_000) / perSecond, undefined, { signal: stopping.signal }).catch(
        () => {},
      )
    }
    await Promise.all(running)
  }

  const done = run()
  return {
    count,
    async stop() {
      stopping.abort()
      await done
    },
  }
}
