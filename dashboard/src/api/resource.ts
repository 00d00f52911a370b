import { effect, type ReadonlySignal, signal, untracked } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { ApiError } from './client.ts'
import { session } from './session.ts'

/** Something that is loaded and kept fresh. Data stays when a later load fails: it is then stale. */
export interface Resource<T> {
  readonly data: T | undefined
  /** When `data` came, in milliseconds since 1970. */
  readonly at: number
  readonly error: ApiError | undefined
  /** When loading began to fail. */
  readonly failingSince: number
}

/** Counts up when everything that is shown may have changed at once: after an outage, say. */
export const wake = signal(0)

const NOTHING = { data: undefined, at: 0, error: undefined, failingSince: 0 } as const

/** A resource and how to load it anew. */
export interface LiveResource<T> {
  readonly state: ReadonlySignal<Resource<T>>
  refresh(): void
}

/**
 * Loads now and every `everyMs` while the page is visible, and when it becomes visible again.
 *
 * @param key names what is loaded: another key loads anew and drops what was there.
 */
export function useResource<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  everyMs: number,
): LiveResource<T> {
  const resource = useMemo(() => keepFresh(load, everyMs), [key])
  useEffect(() => resource.start(), [resource])
  return resource
}

function keepFresh<T>(
  load: (signal: AbortSignal) => Promise<T>,
  everyMs: number,
): LiveResource<T> & { start(): () => void } {
  const state = signal<Resource<T>>(NOTHING)
  let ending = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let isLoading = false
  /** Asked for while it was loading: what comes may be from before. */
  let isWanted = false

  const refresh = async (): Promise<void> => {
    clearTimeout(timer)
    isWanted = isLoading
    if (isLoading) return
    isLoading = true
    const { signal: ended } = ending
    try {
      const data = await load(ended)
      if (!ended.aborted) state.value = { ...NOTHING, data, at: Date.now() }
    } catch (error) {
      if (!ended.aborted) state.value = failed(state.peek(), error)
    }
    isLoading = false
    if (isWanted && !ended.aborted) return refresh()
    if (!ended.aborted && !document.hidden) timer = setTimeout(() => void refresh(), everyMs)
  }
  const onVisible = (): void => {
    if (!document.hidden && typeof session.peek() === 'object') void refresh()
  }

  return {
    state,
    refresh: () => void refresh(),
    start() {
      ending = new AbortController()
      isLoading = false
      document.addEventListener('visibilitychange', onVisible)
      const stopWaking = effect(() => {
        void wake.value
        // Also the first time; before anybody is signed in there is nothing to ask for.
        if (typeof session.value === 'object') void untracked(refresh)
      })
      return () => {
        stopWaking()
        ending.abort()
        clearTimeout(timer)
        document.removeEventListener('visibilitychange', onVisible)
      }
    },
  }
}

function failed<T>(before: Resource<T>, error: unknown): Resource<T> {
  const failure = error instanceof ApiError ? error : new ApiError(0, 'unexpected', String(error))
  return { ...before, error: failure, failingSince: before.failingSince || Date.now() }
}
