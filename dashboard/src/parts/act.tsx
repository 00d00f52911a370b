import { useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { ApiError } from '../api/client.ts'
import { session } from '../api/session.ts'
import { Failed } from './states.tsx'

const ROLES = ['viewer', 'operator', 'admin'] as const
const ARTICLE = { operator: 'An operator', admin: 'An admin' } as const

/** Whether whoever is signed in has this role, or one above it. */
export function hasRole(needs: 'operator' | 'admin'): boolean {
  const who = session.value
  return typeof who === 'object' && ROLES.indexOf(who.role) >= ROLES.indexOf(needs)
}

/** A button that changes something: for those who may; others read who may. What fails is told below it. */
export function Act({
  needs,
  label,
  act,
  done,
  confirm,
  isDisabled = false,
}: {
  readonly needs: 'operator' | 'admin'
  readonly label: string
  readonly act: () => Promise<void>
  /** Called when it has ended, well or not. */
  readonly done: () => void
  /** What has to be typed first: for what cannot be undone. */
  readonly confirm?: string
  readonly isDisabled?: boolean
}) {
  const isBusy = useSignal(false)
  const typed = useSignal('')
  const failure = useSignal<{ readonly error: ApiError; readonly since: number } | undefined>(undefined)
  const id = useId()
  const who = session.value
  if (!hasRole(needs))
    return (
      <p>
        You are signed in as {typeof who === 'object' && who.role === 'operator' ? 'an operator' : 'a viewer'}
        . {ARTICLE[needs]} may do it here.
      </p>
    )
  const run = async (): Promise<void> => {
    isBusy.value = true
    failure.value = undefined
    try {
      await act()
      typed.value = ''
    } catch (error) {
      const known = error instanceof ApiError ? error : new ApiError(0, 'unexpected', String(error))
      failure.value = { error: known, since: Date.now() }
    }
    isBusy.value = false
    done()
  }
  return (
    <div class="act">
      {confirm !== undefined && (
        <p>
          <label for={id}>
            Type <code>{confirm}</code> to go on:
          </label>
          <input
            id={id}
            type="text"
            autocomplete="off"
            spellcheck={false}
            value={typed.value}
            onInput={(event) => (typed.value = event.currentTarget.value)}
          />
        </p>
      )}
      <button
        type="button"
        class="button"
        disabled={isBusy.value || isDisabled || (confirm !== undefined && typed.value !== confirm)}
        onClick={() => void run()}
      >
        {isBusy.value ? 'Working' : label}
      </button>
      {failure.value && <Failed {...failure.value} />}
    </div>
  )
}
