import { signal } from '@preact/signals'
import { type Answer, ask, ApiError, whenSignedOut } from './client.ts'

type Session = Answer<'GET /v1/session'>

/** Whether somebody is signed in: not known yet, nobody, or who. */
export const session = signal<'unknown' | 'nobody' | Session>('unknown')

/** Why it is not known; undefined while all is well. */
export const sessionFailure = signal<{ readonly error: ApiError; readonly since: number } | undefined>(
  undefined,
)

/** Finds out who is signed in; asks again while Holdfast does not answer. */
export async function startSession(): Promise<void> {
  whenSignedOut(() => {
    session.value = 'nobody'
  })
  for (;;) {
    try {
      session.value = await ask('GET /v1/session')
      sessionFailure.value = undefined
      return
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      if (error.status === 401) return
      sessionFailure.value = { error, since: sessionFailure.peek()?.since ?? Date.now() }
      await new Promise((resolve) => setTimeout(resolve, 2_000))
    }
  }
}

/** Signs out; resolves to why it could not, if so. */
export async function signOut(): Promise<ApiError | undefined> {
  const now = session.peek()
  if (typeof now === 'string') return undefined
  try {
    await ask('DELETE /v1/session', { csrfToken: now.csrf_token })
    session.value = 'nobody'
    return undefined
  } catch (error) {
    return error instanceof ApiError ? error : new ApiError(0, 'unexpected', String(error))
  }
}
