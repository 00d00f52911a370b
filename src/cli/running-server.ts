import { loadConfig } from '../config.ts'
import { HoldfastError, messageOf } from '../core/index.ts'
import { stateDirectoryOf } from '../holdfast.ts'
import { serverUnreachable } from './errors.ts'

const ANSWER_WITHIN_MS = 5_000

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
  body?: object,
  /** Milliseconds that the server itself may take, besides the way there and back. */
  patienceMs = 0,
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
  const answer = (await response.json().catch(() => ({}))) as T & { code?: `HF_${string}`; detail?: string }
  // A health answer of 503 is an answer; a problem document says why there is none.
  if (!response.ok && answer.code !== undefined && answer.detail !== undefined)
    throw new HoldfastError({ code: answer.code, message: answer.detail })
  if (!response.ok && response.status !== 503)
    throw serverUnreachable(url, `it answered ${response.status} without saying why: is it Holdfast?`)
  return answer
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
  return response.text()
}

function originOf(url: string): string {
  if (!URL.canParse(url)) throw serverUnreachable(url, 'this is not a URL')
  return new URL(url).origin
}
