import { signal } from '@preact/signals'
import { type Answer, ask, ApiError, whenSignedOut } from './client.ts'
import { forgetKey, keepKey, readKey, whenKeyChanges } from './key.ts'

type Session = Answer<'GET /v1/session'>

/** Whether somebody is signed in: not known yet, nobody, or who. */
export const session = signal<'unknown' | 'nobody' | Session>('unknown')

/** Why it is not known; undefined while all is well. */
export const sessionFailure = signal<{ readonly error: ApiError; readonly since: number } | undefined>(
  undefined,
)

/** Why a link did not sign in; undefined while none was refused. */
export const refusal = signal<ApiError | undefined>(undefined)

/** A link that was opened where somebody is signed in: whether it is to be taken is asked first, as any page can lead here. */
export const offeredLink = signal<string | undefined>(undefined)

/** Finds out who is signed in, or signs in by a link's secret; asks again while Holdfast does not answer. */
export async function startSession(linkSecret: string | undefined): Promise<void> {
  whenSignedOut(() => {
    session.value = 'nobody'
  })
  whenKeyChanges(() => void startSession(undefined))
  for (;;) {
    try {
      const who = await whoIsIn()
      if (linkSecret !== undefined && who !== 'nobody') offeredLink.value = linkSecret
      if (linkSecret === undefined || who !== 'nobody') session.value = who
      else await signIn(linkSecret)
      sessionFailure.value = undefined
      return
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      sessionFailure.value = { error, since: sessionFailure.peek()?.since ?? Date.now() }
      await new Promise((resolve) => setTimeout(resolve, 2_000))
    }
  }
}

async function whoIsIn(): Promise<'nobody' | Session> {
  if (readKey() === null) return 'nobody'
  try {
    return await ask('GET /v1/session')
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return 'nobody'
    throw error
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
    // Whoever was signed in still is.
    if (typeof session.value !== 'object') session.value = 'nobody'
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
