import type { ComponentChildren } from 'preact'
import { type Answer, ask } from '../api/client.ts'
import { type LiveResource, useResource } from '../api/resource.ts'
import { live } from '../live/stream.ts'
import { age, moment } from '../words/times.ts'

export type Operation = Answer<'GET /v1/operations/{id}'>
export type OperationList = LiveResource<Answer<'GET /v1/operations'>>

const LINES_SHOWN = 12

/** What this process does and did on request. */
export function useOperations(): OperationList {
  return useResource('operations', (signal) => ask('GET /v1/operations', { signal }), 1_500)
}

/** The latest of a kind. */
export const latestOf = (operations: OperationList, kind: string): Operation | undefined =>
  operations.state.value.data?.data.find((one) => one.kind === kind)

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
        {by === 'viewer' ? 'a viewer' : `an ${by}`},{' '}
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
