import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { type Answer, ask } from '../api/client.ts'
import { type LiveResource, useResource } from '../api/resource.ts'
import { live } from '../live/stream.ts'
import { Act, hasRole } from '../parts/act.tsx'
import { age, moment } from '../words/times.ts'

export type Operation = Answer<'GET /v1/operations/{id}'>
export type OperationList = LiveResource<Answer<'GET /v1/operations'>>

const LINES_SHOWN = 12

/** Operations that were begun from here: shown from the first moment on, and no others of another day. */
const begun = signal<readonly Operation[]>([])

/** Keeps what a request began. */
export function remember(operation: Operation): void {
  begun.value = [operation, ...begun.value]
}

/**
 * What this process does and did on request.
 * @param ended is called when one of them has ended: what is shown may be different now
 */
export function useOperations(ended: () => void): OperationList {
  const operations = useResource(
    'operations',
    (ending) => ask('GET /v1/operations', { signal: ending }),
    1_500,
  )
  const running = (operations.state.value.data?.data ?? []).filter(({ state }) => state === 'running').length
  const before = useRef(running)
  useEffect(() => {
    if (running < before.current) ended()
    before.current = running
  }, [running])
  return operations
}

/** The latest of a kind that runs now, or that was begun from here. */
export function latestOf(operations: OperationList, kind: string): Operation | undefined {
  const listed = operations.state.value.data?.data ?? []
  const own = begun.value.find((one) => one.kind === kind)
  const running = listed.find((one) => one.kind === kind && one.state === 'running')
  return running ?? listed.find(({ id }) => id === own?.id) ?? own
}

const STATES = { running: 'Running', done: 'Done', failed: 'Failed' } as const
const TONES = { running: '', done: 'ok', failed: 'crit' } as const

/** How far an operation is: what it said, and what came of it. */
export function OperationView({
  operation,
  children,
}: {
  readonly operation: Operation | undefined
  /** What it resulted in. */
  readonly children?: (result: Record<string, unknown>) => ComponentChildren
}) {
  if (!operation) return null
  const {
    state,
    started_at: startedAt,
    started_by: by,
    started_by_name: name,
    finished_at: finishedAt,
    log,
    result,
    error,
  } = operation
  const began = Date.parse(startedAt)
  const took = (finishedAt === null ? live.now.value : Date.parse(finishedAt)) - began
  return (
    <div class="operation" role="status">
      <p>
        <span class={`tag ${TONES[state]}`}>{STATES[state]}</span> begun {moment(began, live.now.value)} by{' '}
        {name}, {by === 'viewer' ? 'a viewer' : `an ${by}`},{' '}
        {finishedAt === null ? `for ${age(took)}` : `took ${age(took)}`}
      </p>
      {log.length > 0 && (
        <pre tabIndex={0} role="group" aria-label="What it said">
          {log
            .slice(-LINES_SHOWN)
            .map(({ text }) => text)
            .join('\n')}
        </pre>
      )}
      {state === 'running' && hasRole(by === 'admin' ? 'admin' : 'operator') && (
        <Act
          needs={by === 'admin' ? 'admin' : 'operator'}
          label="End it"
          act={async () => {
            await ask('POST /v1/operations/{id}/end', { params: { id: operation.id } })
          }}
          done={() => {}}
        />
      )}
      {error && (
        <p>
          <b>{error.message}</b>{' '}
          {error.code !== null && (
            <a href={`docs/errors/${error.code}`} data-native>
              {error.code}
            </a>
          )}
        </p>
      )}
      {result && children?.(result)}
    </div>
  )
}
