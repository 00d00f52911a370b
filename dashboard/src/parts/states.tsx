import type { ComponentChildren } from 'preact'
import type { ApiError } from '../api/client.ts'
import type { LiveResource } from '../api/resource.ts'
import { live } from '../live/stream.ts'
import { instant, moment } from '../words/times.ts'
import { ToType } from './copy.tsx'

/** Quiet bars where lines will be. Takes the place that the lines will take. */
export function Loading({ lines = 3 }: { readonly lines?: number }) {
  return (
    <div class="loading" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, index) => (
        <i key={index} />
      ))}
    </div>
  )
}

/** What was asked for once it is there; until then quiet bars, or what failed. */
export function Loaded<T>({
  resource,
  lines,
  children,
}: {
  readonly resource: LiveResource<T>
  /** Rows that are kept free while it loads. */
  readonly lines: number
  readonly children: (data: T) => ComponentChildren
}) {
  const { data, error, failingSince } = resource.state.value
  if (data !== undefined) return <>{children(data)}</>
  if (error) return <Failed error={error} since={failingSince} retry={() => resource.refresh()} />
  return <Loading lines={lines} />
}

/** What would be here, and how to get it. */
export function Empty({
  title,
  children,
}: {
  readonly title: string
  readonly children?: ComponentChildren
}) {
  return (
    <div class="state">
      <b>{title}</b>
      {children}
    </div>
  )
}

/** What is hidden, and the exact statement that shows it. */
export function Denied({ what, grant }: { readonly what: string; readonly grant: string | null }) {
  return (
    <div class="state">
      <b>This role may not see {what}.</b>
      {grant === null ? <p>Ask an administrator.</p> : <p>An administrator can change that:</p>}
      {grant !== null && <ToType text={grant} />}
    </div>
  )
}

/** What failed, since when, and trying again. */
export function Failed({
  error,
  since,
  retry,
}: {
  readonly error: ApiError
  readonly since: number
  readonly retry?: () => void
}) {
  // What is missing is a right: the statement that gives it is to be copied, not read out of a sentence.
  const [said, grant] = error.message.split(' Have it granted: ')
  return (
    <div class="state failed" role="alert">
      <b>{said}</b>
      {grant !== undefined && <ToType text={grant} />}
      <p>
        {error.code.startsWith('HF_') ? (
          <a href={`docs/errors/${error.code}`} data-native>
            {error.code}
          </a>
        ) : (
          error.code
        )}
        {' · since '}
        <time dateTime={new Date(since).toISOString()} title={instant(since)}>
          {moment(since, live.now.value)}
        </time>
      </p>
      {retry && (
        <button type="button" class="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}
