import { ask } from '../../api/client.ts'
import { Act } from '../../parts/act.tsx'
import { ToType } from '../../parts/copy.tsx'
import type { PoolPicture } from './picture.ts'

/** A maintenance window: its begin and its end, for those who may. */
export function Maintenance({ pool, changed }: { readonly pool: PoolPicture; readonly changed: () => void }) {
  const act = async (): Promise<void> => {
    const body = { pool: pool.name }
    if (pool.is_drained) await ask('POST /v1/database/pool/resume', { body })
    else await ask('POST /v1/database/pool/drain', { body: { ...body, timeout_ms: 5_000 } })
  }
  const command = `npx holdfast pool ${pool.is_drained ? 'resume' : 'drain'}${pool.name === 'default' ? '' : ` --pool ${pool.name}`}`
  return (
    <>
      <p>
        {pool.is_drained
          ? `The pool is drained: ${pool.waiting} callers wait, and nothing is given out.`
          : 'Draining closes every connection as it comes back and gives out none: callers wait, for as long as their time limit allows, until the pool is resumed.'}
      </p>
      <Act
        needs="operator"
        label={pool.is_drained ? 'Resume the pool' : 'Drain the pool'}
        act={act}
        done={changed}
      />
      <h3>On the command line</h3>
      <ToType text={command} />
    </>
  )
}
