import { execFileSync } from 'node:child_process'
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { inject, vi } from 'vitest'
import { findBinaries } from '../../src/embedded/binaries.ts'
import { ensureCluster, EMBEDDED_USER } from '../../src/embedded/cluster.ts'
import { choosePlacement, type Placement } from '../../src/embedded/placement.ts'
import { findFreePort, Postmaster } from '../../src/embedded/postmaster.ts'

const PASSWORD = 'only-for-tests'

/** Everything a server process needs of its folder, kept while it is stopped. */
interface Node {
  readonly placement: Placement
  readonly port: number
  postmaster: Postmaster | undefined
}

/** A server of a replicating pair. */
export class ReplicatedServer {
  readonly port: number
  readonly #node: Node
  readonly #settings: Readonly<Record<string, string>>

  constructor(node: Node, settings: Readonly<Record<string, string>>) {
    this.#node = node
    this.#settings = settings
    this.port = node.port
  }

  get host(): string {
    return `127.0.0.1:${this.port}`
  }

  get url(): string {
    return urlOf(this.host)
  }

  get pid(): number {
    return (this.#node.postmaster as Postmaster).pid
  }

  async start(): Promise<void> {
    const { placement, port } = this.#node
    this.#node.postmaster = await Postmaster.start({
      placement,
      port,
      logFile: join(placement.directory, 'server.log'),
      settings: { fsync: 'off', max_connections: '100', wal_keep_size: '256MB', ...this.#settings },
    })
  }

  /** In good order: what was committed has reached those that follow. */
  async stop(): Promise<void> {
    await this.#node.postmaster?.stop()
    this.#node.postmaster = undefined
  }

  /** From its next start on it follows another. */
  follow(other: ReplicatedServer): void {
    const { dataDirectory, user } = this.#node.placement
    const signal = join(dataDirectory, 'standby.signal')
    writeFileSync(signal, '')
    if (user) execFileSync('chown', [`${user.uid}:${user.gid}`, signal])
    appendFileSync(
      join(dataDirectory, 'postgresql.auto.conf'),
      `\nprimary_conninfo = 'host=127.0.0.1 port=${other.port} user=${EMBEDDED_USER} password=${PASSWORD}'\n`,
    )
  }

  /** Makes it a primary; resolves when it is one. */
  async promote(): Promise<void> {
    await this.query('SELECT pg_promote(true, 60)')
  }

  /** Runs one statement on a connection of its own. */
  async query(text: string): Promise<any[]> {
    const client = new pg.Client(this.url)
    await client.connect()
    try {
      return (await client.query(text)).rows
    } finally {
      await client.end()
    }
  }

  /** Waits until it has replayed everything that `other` has written. */
  async catchUpWith(other: ReplicatedServer): Promise<void> {
    const [{ lsn }] = await other.query('SELECT pg_current_wal_lsn() AS lsn')
    const isThere = async (): Promise<boolean> =>
      (await this.query(`SELECT pg_last_wal_replay_lsn() >= '${lsn}' AS done`))[0].done
    await vi.waitUntil(isThere, { timeout: 60_000 })
  }
}

/** A URL of the pair's database with these hosts. */
export function urlOf(...hosts: string[]): string {
  return `postgresql://${EMBEDDED_USER}:${PASSWORD}@${hosts.join(',')}/postgres`
}

let empty: string | undefined

/** The data of a server that was never started; it goes with the run. */
function makeEmpty(placement: Placement): string {
  chmodSync(placement.directory, 0o711)
  ensureCluster(placement, PASSWORD, false)
  return placement.dataDirectory
}

/** Two real servers, the second of which follows the first. */
export async function startPair(
  directory: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<{ primary: ReplicatedServer; standby: ReplicatedServer }> {
  const binaries = findBinaries()
  const [first, second] = ['one', 'two'].map((name) => {
    mkdirSync(join(directory, name), { recursive: true })
    return choosePlacement(join(directory, name), binaries, 'holdfast')
  }) as [Placement, Placement]
  // Both begin at the same point of the same history, and each pair of a worker where the first of it began.
  for (const { dataDirectory } of [first, second]) {
    empty ??= makeEmpty(
      choosePlacement(mkdtempSync(join(inject('runDirectory'), 'pair-')), binaries, 'holdfast'),
    )
    execFileSync('cp', ['-a', empty, dataDirectory])
  }
  const make = async (placement: Placement): Promise<ReplicatedServer> =>
    new ReplicatedServer({ placement, port: await findFreePort(), postmaster: undefined }, settings)
  const [primary, standby] = [await make(first), await make(second)]
  standby.follow(primary)
  await primary.start()
  await standby.start()
  await standby.catchUpWith(primary)
  return { primary, standby }
}
