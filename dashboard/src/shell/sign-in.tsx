import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { query, rememberPlace } from '../place/router.ts'
import { ToType } from '../parts/copy.tsx'

/** What somebody sees who is not signed in: how to get in. */
export function SignIn() {
  const link = useSignal('')
  const isRefused = query.value.get('sign-in') === 'refused'
  useEffect(rememberPlace, [])
  // The whole link or what stands behind its "token=".
  const token = /(?:token=)?([\w-]{20,200})\s*$/.exec(link.value)?.[1]
  return (
    <main class="sign-in" id="main">
      <h1>Sign in to Holdfast</h1>
      {isRefused && (
        <p class="refused" role="alert">
          That link was used before, is older than ten minutes, or was made before the last restart. Get a new
          one.
        </p>
      )}
      <p>
        Each sign-in link works once. On the machine that Holdfast runs on, in the folder it was started from:
      </p>
      <ToType text="npx holdfast sign-in" />
      <p>Where it is part of a service, whoever runs that makes the links.</p>
      <form method="get" action="sign-in">
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
        <input type="hidden" name="token" value={token ?? ''} />
        <button type="submit" class="button" disabled={token === undefined}>
          Sign in
        </button>
        {link.value.trim() !== '' && token === undefined && <p role="status">This is no sign-in link.</p>}
      </form>
    </main>
  )
}
