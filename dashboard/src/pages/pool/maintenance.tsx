import { useSignal } from '@preact/signals'
import { ApiError, ask } from '../../api/client.ts'
import { session } from '../../api/session.ts'
import { ToType } from '../../parts/copy.tsx'
import { Failed } from '../../parts/states.tsx'
import type { PoolPicture } from './picture.ts'

/** A maintenance window: its begin and its end, for those who may. */
export function Maintenance({ pool, changed }: { readonly pool: PoolPicture; readonly changed: () => void }) {
  const isBusy = useSignal(false)
  const failure = useSignal<{ readonly error: ApiError; readonly since: number } | undefined>(undefined)
  const who = session.value
  const mayAct = typeof who === 'object' && who.role !== 'viewer'
  const act = async (what: 'drain' | 'resume'): Promise<void> => {
    if (typeof who !== 'object') return
    isBusy.value = true
    failure.value = undefined
    const request = { body: { pool: pool.name }, csrfToken: who.csrf_token }
    try {
      if (what === 'drain')
        await ask('POST /v1/database/pool/drain', {
          ...request,
          body: { ...request.body, timeout_ms: 5_000 },
        })
      else await ask('POST /v1/database/pool/resume', request)
    } catch (error) {
      const known = error instanceof ApiError ? error : new ApiError(0, 'unexpected', String(error))
      failure.value = { error: known, since: Date.now() }
    }
    isBusy.value = false
    changed()
  }
  const command = `npx holdfast pool ${pool.is_drained ? 'resume' : 'drain'}${pool.name === 'default' ? '' : ` --pool ${pool.name}`}`
  return (
    <>
      <p>
        {pool.is_drained
          ? `The pool is drained: ${pool.waiting} callers wait, and nothing is given out.`
          : 'Draining closes every connection as it comes back and gives out none: callers wait, for as long as their time limit allows, until the pool is resumed.'}
      </p>
      {mayAct ? (
        <button
          type="button"
          class="button"
          disabled={isBusy.value}
          onClick={() => void act(pool.is_drained ? 'resume' : 'drain')}
        >
          {isBusy.value ? 'Working' : pool.is_drained ? 'Resume the pool' : 'Drain the pool'}
        </button>
      ) : (
        <p>You are signed in as a viewer. An operator may do it here.</p>
      )}
      {failure.value && <Failed {...failure.value} />}
      <h3>On the command line</h3>
      <ToType text={command} />
    </>
  )
}
