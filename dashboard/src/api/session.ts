import { signal } from '@preact/signals'
import { type Answer, ask, ApiError, whenSignedOut } from './client.ts'
import { forgetKey, keepKey, readKey } from './key.ts'

type Session = Answer<'GET /v1/session'>

/** Whether somebody is signed in: not known yet, nobody, or who. */
export const session = signal<'unknown' | 'nobody' | Session>('unknown')

/** Why it is not known; undefined while all is well. */
export const sessionFailure = signal<{ readonly error: ApiError; readonly since: number } | undefined>(
  undefined,
)

/** Why a link did not sign in; undefined while none was refused. */
export const refusal = signal<ApiError | undefined>(undefined)

/** Finds out who is signed in, by a link's secret if there is one; asks again while Holdfast does not answer. */
export async function startSession(linkSecret: string | undefined): Promise<void> {
  whenSignedOut(() => {
    session.value = 'nobody'
  })
  for (;;) {
    try {
      if (linkSecret !== undefined) await signIn(linkSecret)
      else session.value = readKey() === null ? 'nobody' : await ask('GET /v1/session')
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

/** Signs in with the secret of a link. What is refused is told by {@link refusal}. @throws ApiError where nobody answers */
export async function signIn(token: string): Promise<void> {
  try {
    const { key, ...who } = await ask('POST /v1/session', { body: { token } })
    keepKey(key)
    refusal.value = undefined
    session.value = who
  } catch (error) {
    if (!(error instanceof ApiError) || error.status < 400 || error.status >= 500) throw error
    refusal.value = error
    session.value = 'nobody'
  }
}

/** Signs out; resolves to why it could not, if so. */
export async function signOut(): Promise<ApiError | undefined> {
  try {
    const key = readKey()
    await ask('DELETE /v1/session')
    forgetKey(key)
    session.value = 'nobody'
    return undefined
  } catch (error) {
    return error instanceof ApiError ? error : new ApiError(0, 'unexpected', String(error))
  }
}
