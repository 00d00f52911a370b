import { loadConfig } from '../config.ts'
import { type ErrorCode, HoldfastError, messageOf } from '../core/index.ts'
import { stateDirectoryOf } from '../holdfast.ts'
import { serverUnreachable } from './errors.ts'

const ANSWER_WITHIN_MS = 5_000
/** Metrics of thousands of statements take a tenth of it. */
const LONGEST_ANSWER_BYTES = 32 * 1_048_576

/** A running Holdfast and the token for it, where there is one. */
export interface RunningServer {
  readonly url: string
  readonly token: string | undefined
}

/**
 * The server that was started from this folder, or the one at a URL.
 * @throws HF_CLI_SERVER_UNREACHABLE
 */
export async function findServer(server: string | true): Promise<RunningServer> {
  const { config } = await loadConfig()
  const { readTokenFile } = await import('../admin/index.ts')
  const known = readTokenFile(stateDirectoryOf(config))
  const url = server === true ? known?.url : server
  if (url === undefined) throw serverUnreachable('its usual place', 'none was started from this folder')
  // The token belongs to one server: another one must not get to see it.
  const token =
    known && new URL(known.url).origin === originOf(url) ? known.token : process.env.HOLDFAST_SERVER_TOKEN
  return { url, token }
}

/**
 * Asks a running server.
 * @throws HF_CLI_SERVER_UNREACHABLE, or the server's own code when it refuses
 */
export async function askServer<T>(
  { url, token }: RunningServer,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  {
    body,
    patienceMs = 0,
    isArray = [],
  }: {
    readonly body?: object
    /** Milliseconds that the server itself may take, besides the way there and back. */
    readonly patienceMs?: number
    /** What in the answer has to be a list: whatever answers may be no Holdfast at all. */
    readonly isArray?: readonly (keyof T & string)[]
  } = {},
): Promise<T> {
  let response: Response
  try {
    response = await fetch(`${url.replace(/\/$/, '')}${path}`, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS + patienceMs),
    })
  } catch (error) {
    throw serverUnreachable(url, messageOf((error as Error).cause ?? error))
  }
  const answer = readObject(await textOf(url, response))
  const { code, detail } = answer ?? {}
  // A health answer of 503 is an answer; a problem document says why there is none.
  if (!response.ok && isErrorCode(code) && typeof detail === 'string')
    throw new HoldfastError({ code, message: detail })
  if (!response.ok && response.status !== 503)
    throw serverUnreachable(url, `it answered ${response.status} without saying why: is it Holdfast?`)
  const isOurs =
    (response.status === 204 && method === 'DELETE') ||
    (answer && isArray.every((name) => isList(answer[name])))
  if (!isOurs) throw serverUnreachable(url, 'its answer has another form: is it Holdfast?')
  return (answer ?? {}) as T
}

const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === 'string' && /^HF_[A-Z_]{2,60}$/.test(code)

const isList = (value: unknown): boolean => Array.isArray(value) && !value.includes(null)

/** Nothing of ours is nested more deeply; what goes through it does so by calling itself. */
const DEEPEST = 32

function isDeep(text: string): boolean {
  let depth = 0
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth += bracket === '[' || bracket === '{' ? 1 : -1
    if (depth > DEEPEST) return true
  }
  return false
}

function readObject(text: string): Record<string, unknown> | undefined {
  try {
    if (isDeep(text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""'))) return undefined
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** What was answered, up to a limit: a server need not come to an end. @throws HF_CLI_SERVER_UNREACHABLE */
async function textOf(url: string, response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true })
      if (text.length > LONGEST_ANSWER_BYTES) throw new Error('its answer is longer than any of Holdfast')
    }
  } catch (error) {
    throw serverUnreachable(url, messageOf((error as Error).cause ?? error))
  }
  return text + decoder.decode()
}

/** Something that a running server tells as text. @throws HF_CLI_SERVER_UNREACHABLE */
export async function readServer({ url, token }: RunningServer, path: string): Promise<string> {
  const response = await fetch(`${url.replace(/\/$/, '')}${path}`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(2 * ANSWER_WITHIN_MS),
  }).catch((error: unknown) => {
    throw serverUnreachable(url, messageOf((error as Error).cause ?? error))
  })
  if (!response.ok) throw serverUnreachable(url, `it answered ${response.status} to GET ${path}`)
  return textOf(url, response)
}

function originOf(url: string): string {
  if (!URL.canParse(url)) throw serverUnreachable(url, 'this is not a URL')
  return new URL(url).origin
}
