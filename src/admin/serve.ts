import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import { escapedJson, uuidv7 } from '../core/index.ts'
import { actorHere } from '../migrate/index.ts'
import { Admin, type AdminInput } from './admin.ts'
import { addressUnavailable, portTaken, publicWithoutTls } from './errors.ts'
import type { AdminOptions } from './options.ts'
import { answerFrameworkError } from './problem.ts'

/** A running API server. */
export interface AdminServer {
  /** Where it listens: `http://127.0.0.1:4600`. */
  readonly url: string
  readonly admin: Admin
  readonly app: FastifyInstance
  /** A whole URL that signs one admin in, once. */
  createSignInLink(): string
  /** Drains, ends the streams, waits for running requests, removes the token file. */
  close(): Promise<void>
}

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/
const BODY_LIMIT_BYTES = 65_536
const REQUEST_TIMEOUT_MS = 30_000

/**
 * Serves the API alone.
 *
 * @param stateDirectory where the token file for this machine's command line goes.
 * @throws HF_ADMIN_PUBLIC_PLAIN_HTTP, HF_ADMIN_PORT_TAKEN, HF_ADMIN_ADDRESS
 */
export async function serveAdmin(
  input: AdminInput,
  options: AdminOptions,
  stateDirectory: string,
): Promise<AdminServer> {
  const { host, port, insecure, logLevel, hosts, trustProxy } = options
  if (!insecure && !LOOPBACK.test(host)) throw publicWithoutTls(host)
  const app = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    genReqId: () => uuidv7(),
    frameworkErrors: answerFrameworkError,
    forceCloseConnections: true,
    trustProxy: trustProxy.length > 0 && [...trustProxy],
    logger:
      logLevel === 'silent'
        ? false
        : {
            level: logLevel,
            // stdout is for data. The query is left out of the log: people look for names in it.
            // Names that others chose stand in it, and somebody may look at it on a terminal.
            stream: { write: (line: string) => process.stderr.write(escapedJson(line)) },
            serializers: { req: (request) => ({ method: request.method, path: request.url?.split('?')[0] }) },
          },
  })
  const admin = new Admin({
    metricsToken: options.metricsToken,
    hosts: [host, ...hosts],
    isBehindProxy: trustProxy.length > 0,
    ...input,
  })
  await app.register(admin.plugin)
  try {
    await app.listen({ host, port })
  } catch (error) {
    await app.close()
    const { code } = error as NodeJS.ErrnoException
    const other = readTokenFile(stateDirectory)?.url
    const isOurs = other !== undefined && URL.canParse(other) && new URL(other).port === String(port)
    if (code === 'EADDRINUSE') throw portTaken(host, port, isOurs, error)
    if (code === 'EADDRNOTAVAIL' || code === 'EACCES' || code === 'ENOTFOUND')
      throw addressUnavailable(host, error)
    throw error
  }
  const address = app.server.address() as AddressInfo
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`
  const forget = offerToken(
    stateDirectory,
    { url, token: admin.createToken('admin', `command line of ${actorHere()}`), pid: process.pid },
    (error) =>
      app.log.warn(
        { err: error },
        'The command line will not find this server: its token file could not be written.',
      ),
  )
  return {
    url,
    admin,
    app,
    createSignInLink: () => `${url}${admin.createSignInPath('admin', actorHere())}`,
    async close() {
      admin.drain()
      forget()
      await app.close()
    },
  }
}

/** How the command line reaches a server on this machine. */
export interface ServerToken {
  readonly url: string
  readonly token: string
  readonly pid: number
}

const tokenPath = (stateDirectory: string): string => join(stateDirectory, 'server.json')

/** The token file of the server that was started last from this folder; undefined when there is none. */
export function readTokenFile(stateDirectory: string): ServerToken | undefined {
  try {
    return JSON.parse(readFileSync(tokenPath(stateDirectory), 'utf8')) as ServerToken
  } catch {
    return undefined // not there, or being written: nobody to reach
  }
}

/**
 * Writes the token file, readable by this user alone; returns what removes it. It is a convenience: on a
 * read-only disk the server runs without. The server that was started last is the one that is found.
 */
function offerToken(
  stateDirectory: string,
  token: ServerToken,
  onFailure: (error: unknown) => void,
): () => void {
  const before = readTokenFile(stateDirectory)
  try {
    if (mkdirSync(stateDirectory, { recursive: true }) !== undefined) {
      writeFileSync(join(stateDirectory, '.gitignore'), '*\n')
    }
    writeToken(stateDirectory, token)
  } catch (error) {
    onFailure(error)
  }
  return () => {
    if (readTokenFile(stateDirectory)?.token !== token.token) return
    rmSync(tokenPath(stateDirectory), { force: true })
    // The one that was found before is found again.
    if (!before || before.pid === process.pid || !isRunning(before.pid)) return
    try {
      writeToken(stateDirectory, before)
    } catch (error) {
      onFailure(error)
    }
  }
}

function writeToken(stateDirectory: string, token: ServerToken): void {
  rmSync(tokenPath(stateDirectory), { force: true }) // writing into an old file would keep its mode
  writeFileSync(tokenPath(stateDirectory), `${JSON.stringify(token)}\n`, { mode: 0o600, flag: 'wx' })
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
