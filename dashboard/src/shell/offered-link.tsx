import { useSignal } from '@preact/signals'
import { ApiError } from '../api/client.ts'
import { offeredLink, refusal, session, signIn } from '../api/session.ts'
import { Dialog } from './dialog.tsx'

/** Asks before a link takes the place of whoever is signed in: any page can lead here with one. */
export function OfferedLink() {
  const failure = useSignal<string | undefined>(undefined)
  const secret = offeredLink.value
  if (secret === undefined || typeof session.value !== 'object') return null
  const { name, role } = session.value
  const close = (): void => {
    offeredLink.value = undefined
    refusal.value = undefined
    failure.value = undefined
  }
  const take = async (): Promise<void> => {
    try {
      await signIn(secret)
      if (refusal.value === undefined) close()
      else failure.value = 'That link was used before, or is too old. You are still signed in as before.'
    } catch (error) {
      failure.value = error instanceof ApiError ? error.message : String(error)
    }
  }
  return (
    <Dialog label="Sign in with this link?" kind="keys" onClose={close}>
      <h2>Sign in with this link?</h2>
      <p>
        You are signed in as {name} ({role}). The link ends that session in this browser and signs in whoever
        it was made for. Take it only if you opened it yourself.
      </p>
      {failure.value !== undefined && <p role="alert">{failure.value}</p>}
      <p>
        <button type="button" class="button" onClick={close}>
          Stay signed in as {name}
        </button>{' '}
        <button
          type="button"
          class="button"
          disabled={failure.value !== undefined}
          onClick={() => void take()}
        >
          Sign in with the link
        </button>
      </p>
    </Dialog>
  )
}
