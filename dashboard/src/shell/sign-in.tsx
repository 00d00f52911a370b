import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ApiError } from '../api/client.ts'
import { refusal, signIn } from '../api/session.ts'
import { rememberPlace } from '../place/router.ts'
import { ToType } from '../parts/copy.tsx'

/** What somebody sees who is not signed in: how to get in. */
export function SignIn() {
  const link = useSignal('')
  const isBusy = useSignal(false)
  const failure = useSignal<string | undefined>(undefined)
  useEffect(rememberPlace, [])
  // The whole link or what stands behind its "token=".
  const token = /(?:token=)?([\w-]{20,200})\s*$/.exec(link.value)?.[1]
  const refused =
    refusal.value?.code === 'HF_ADMIN_LINK_INVALID'
      ? 'That link was used before, is older than ten minutes, or was made before the last restart. Get a new one.'
      : refusal.value?.message
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    if (token === undefined) return
    isBusy.value = true
    failure.value = undefined
    try {
      await signIn(token)
    } catch (error) {
      failure.value = error instanceof ApiError ? error.message : String(error)
    }
    isBusy.value = false
  }
  return (
    <main class="sign-in" id="main">
      <h1>Sign in to Holdfast</h1>
      {(refused ?? failure.value) !== undefined && (
        <p class="refused" role="alert">
          {failure.value ?? refused}
        </p>
      )}
      <p>
        Each sign-in link works once. On the machine that Holdfast runs on, in the folder it was started from:
      </p>
      <ToType text="npx holdfast sign-in" />
      <p>Where it is part of a service, whoever runs that makes the links.</p>
      <form onSubmit={(event) => void submit(event)}>
        <label for="link">Have a link?</label>
        <input
          id="link"
          type="text"
          autocomplete="off"
          spellcheck={false}
          placeholder="Paste it here"
          value={link.value}
          onInput={(event) => (link.value = event.currentTarget.value)}
        />
        <button type="submit" class="button" disabled={token === undefined || isBusy.value}>
          Sign in
        </button>
        {link.value.trim() !== '' && token === undefined && <p role="status">This is no sign-in link.</p>}
      </form>
    </main>
  )
}
