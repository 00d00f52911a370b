import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { consoleNotBuilt } from './errors.ts'

/** Where the build puts the console; the same from `src` and from `dist`. */
export const CONSOLE_DIRECTORY = fileURLToPath(new URL('../../dist/dashboard/', import.meta.url))

/** Remembers the choice of light or dark, so that the first paint is right. */
const THEME_COOKIE = 'holdfast-theme'
/** What the API and its reference own; the console owns every other page. */
const NOT_THE_CONSOLE = /^\/(v1|docs|assets|livez|readyz|health|metrics|openapi\.json)(\/|$)/

/**
 * The console's one page. It finds its assets and the API through `<base href>`, which is relative to the path
 * that was asked for: the same under any prefix, and behind a proxy that takes a prefix away.
 */
export class ConsoleShell {
  /** How many folders deep the plugin is mounted; a parameter in the prefix is one, whatever it stands for. */
  readonly #depth: number
  readonly #page: string | undefined

  /** @param prefix the path that the plugin is mounted under. */
  constructor(prefix: string) {
    this.#depth = prefix.split('/').filter((part) => part !== '').length
    this.#page = readPage()
  }

  get isBuilt(): boolean {
    return this.#page !== undefined
  }

  /** Whether a person asked for a page, and not a program for a resource. */
  answers(request: FastifyRequest): boolean {
    return (
      request.method === 'GET' &&
      (request.headers.accept ?? '').includes('text/html') &&
      !NOT_THE_CONSOLE.test(this.#pathOf(request))
    )
  }

  /**
   * Sends the page. Never cached: it names the assets of this version.
   * @throws HF_ADMIN_CONSOLE_NOT_BUILT
   */
  send(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const path = this.#pathOf(request)
    // Relative addresses need the slash: /ops is another folder than /ops/.
    // With a dot before it: a segment may look like a scheme, and would be an address elsewhere.
    if (path === '') return reply.redirect(`./${pathOf(request).split('/').at(-1)}/`, 302)
    if (this.#page === undefined) throw consoleNotBuilt(CONSOLE_DIRECTORY)
    const depth = path.split('/').length - 2
    const theme = request.cookies[THEME_COOKIE]
    return reply
      .type('text/html; charset=utf-8')
      .header('cache-control', 'no-store')
      .send(
        this.#page
          .replace('<base href="./"', `<base href="${'../'.repeat(depth) || './'}"`)
          .replace(
            '<html lang="en"',
            theme === 'dark' || theme === 'light'
              ? `<html lang="en" data-theme="${theme}"`
              : '<html lang="en"',
          ),
      )
  }

  /** The path below the prefix: empty, or beginning with a slash. */
  #pathOf(request: FastifyRequest): string {
    const below = pathOf(request)
      .split('/')
      .slice(this.#depth + 1)
    return below.length === 0 ? '' : `/${below.join('/')}`
  }
}

/** The path without its query. */
const pathOf = (request: FastifyRequest): string => request.url.split('?')[0] as string

function readPage(): string | undefined {
  try {
    return readFileSync(`${CONSOLE_DIRECTORY}index.html`, 'utf8')
  } catch {
    return undefined // not built: everything else works without, and whoever asks is told
  }
}
