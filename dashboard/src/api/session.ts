import { signal } from '@preact/signals'
import { type Answer, ask, ApiError, whenSignedOut } from './client.ts'

type Session = Answer<'GET /v1/session'>

/** Whether somebody is signed in: not known yet, nobody, or who. */
export const session = signal<'unknown' | 'nobody' | Session>('unknown')

/** Finds out who is signed in; asks again while Holdfast does not answer. */
export async function startSession(): Promise<void> {
  whenSignedOut(() => {
    session.value = 'nobody'
  })
  for (;;) {
    try {
      session.value = await ask('GET /v1/session')
      return
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return
      await new Promise((resolve) => setTimeout(resolve, 2_000))
    }
  }
}

export async function signOut(): Promise<void> {
  const now = session.peek()
  if (typeof now === 'string') return
  await ask('DELETE /v1/session', { csrfToken: now.csrf_token })
  session.value = 'nobody'
}
