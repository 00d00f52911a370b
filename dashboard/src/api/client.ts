import { EventSourceParserStream } from 'eventsource-parser/stream'
import { forgetKey, readKey } from './key.ts'
import type { Operations } from './operations.ts'
import { compareClocks } from './server-clock.ts'

export type Operation = keyof Operations
export type Answer<Name extends Operation> = Operations[Name]['answer']

/** A request that did not get its answer. */
export class ApiError extends Error {
  /** HTTP status; 0 when nothing was reached. */
  readonly status: number
  /** The API's code, or `unreachable`. */
  readonly code: string
  readonly requestId: string | undefined

  constructor(status: number, code: string, message: string, requestId?: string) {
    super(message)
    this.status = status
    this.code = code
    this.requestId = requestId
  }
}

/** What goes along with a request. */
export interface Ask<Name extends Operation> {
  /** What stands for `{name}` in the path. */
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Operations[Name]['query']
  readonly body?: Operations[Name]['body']
  readonly signal?: AbortSignal
}

const LONGEST_MS = 20_000
let onSignedOut: () => void = () => {}

/** Is called whenever an answer says that nobody is signed in. */
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener
}

/**
 * Asks the API.
 * @throws ApiError; an AbortError when `signal` aborted.
 */
export async function ask<Name extends Operation>(
  operation: Name,
  { params = {}, query, body, signal }: Ask<Name> = {},
): Promise<Answer<Name>> {
  const [method, path] = operation.split(' ') as [string, string]
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  const url = new URL(filled.slice(1), document.baseURI)
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== undefined) url.searchParams.set(name, String(value))
  const response = await send(url, {
    method,
    credentials: 'same-origin',
    headers: {
      accept: 'application/json',
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.any([AbortSignal.timeout(LONGEST_MS), ...(signal ? [signal] : [])]),
  })
  if (!response.ok) throw await failureOf(response)
  return (response.status === 204 ? undefined : await response.json()) as Answer<Name>
}

/** An event of the API's stream. */
export interface StreamEvent {
  readonly id: string | undefined
  readonly type: string
  readonly data: string
}

/**
 * Listens to the API's stream until it ends, or `signal` aborts.
 * @param after the last event that was seen: it goes on from there
 * @throws ApiError where it does not begin
 */
export async function listen(
  { after, signal }: { readonly after: string | undefined; readonly signal: AbortSignal },
  take: (event: StreamEvent) => void,
): Promise<void> {
  const response = await send(new URL('v1/events', document.baseURI), {
    credentials: 'same-origin',
    headers: { accept: 'text/event-stream', ...(after !== undefined && { 'last-event-id': after }) },
    signal,
  })
  if (!response.ok || response.body === null) throw await failureOf(response)
  const reader = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream())
    .getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    take({ id: value.id, type: value.event ?? 'message', data: value.data })
  }
}

/** With this page's half of the session; the browser adds the other. */
async function send(url: URL, init: RequestInit): Promise<Response> {
  const key = readKey()
  try {
    const response = await fetch(url, {
      ...init,
      headers: { ...init.headers, ...(key !== null && { 'x-holdfast-key': key }) },
    })
    compareClocks(response)
    // Signing in itself may be refused: that says nothing about who was signed in.
    if (response.status === 401 && init.method !== 'POST') {
      forgetKey(key)
      onSignedOut()
    }
    return response
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    const late = error instanceof DOMException && error.name === 'TimeoutError'
    throw new ApiError(
      0,
      'unreachable',
      late ? `Holdfast did not answer within ${LONGEST_MS / 1_000} s.` : 'Holdfast does not answer.',
    )
  }
}

async function failureOf(response: Response): Promise<ApiError> {
  const problem = (await response.json().catch(() => ({}))) as {
    code?: string
    detail?: string
    request_id?: string
  }
  return new ApiError(
    response.status,
    problem.code ?? `HTTP ${response.status}`,
    problem.detail ?? `Something between here and Holdfast answered with ${response.status}.`,
    problem.request_id,
  )
}
