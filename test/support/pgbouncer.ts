import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { vi } from 'vitest'
import { findFreePort } from '../../src/embedded/postmaster.ts'

const PROGRAM = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/opt/homebrew/bin/pgbouncer'].find((path) =>
  existsSync(path),
)

/** On somebody's own machine PgBouncer may be missing; where everything is checked it may not. */
export const isPgBouncerMissing = PROGRAM === undefined && process.env.CI !== 'true'

/** A PgBouncer in front of a server. */
export class PgBouncer {
  readonly url: string
  readonly #child: ChildProcess

  private constructor(url: string, child: ChildProcess) {
    this.url = url
    this.#child = child
  }

  /** @param folder of its own. @param mode who gets a server connection, and for how long. */
  static async start(
    folder: string,
    target: string,
    mode: 'session' | 'transaction' | 'statement',
    connections = 5,
  ): Promise<PgBouncer> {
    if (PROGRAM === undefined) throw new Error('install pgbouncer: apt-get install pgbouncer')
    const { hostname, port, username, password, pathname } = new URL(target)
    const database = pathname.slice(1)
    const own = await findFreePort()
    mkdirSync(folder, { recursive: true })
    const file = join(folder, 'pgbouncer.ini')
    writeFileSync(
      file,
      [
        '[databases]',
        `${database} = host=${hostname} port=${port} user=${username} password=${password}`,
        '[pgbouncer]',
        'listen_addr = 127.0.0.1',
        `listen_port = ${own}`,
        'unix_socket_dir =',
        'auth_type = any',
        `pool_mode = ${mode}`,
        `default_pool_size = ${connections}`,
        'max_client_conn = 200',
      ].join('\n'),
    )
    // It refuses to run as root.
    const user = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {}
    const child = spawn(PROGRAM, [file], { ...user, stdio: 'ignore' })
    const url = `postgresql://${username}@127.0.0.1:${own}/${database}`
    const bouncer = new PgBouncer(url, child)
    await vi.waitUntil(
      async () => {
        const client = new pg.Client(url)
        return client.connect().then(
          () => client.end().then(() => true),
          () => false,
        )
      },
      { timeout: 60_000, interval: 50 },
    )
    return bouncer
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await exited
  }
}

function idOf(what: '-u' | '-g'): number {
  return Number(execFileSync('id', [what, 'nobody'], { encoding: 'utf8' }))
}
