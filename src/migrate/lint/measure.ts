import type pg from 'pg'
import { messageOf, systemClock, wait } from '../../core/index.ts'
import { connectDirectly } from '../../pool/index.ts'
import { specialKindOf } from '../format/special-statements.ts'
import type { Statement } from '../format/statements.ts'
import { blockedBy, type LockMode, lockModeOf, stronger } from './locks.ts'

/** What a statement was seen to do to the tables that were there before its script. */
export interface Measurement {
  /** The strongest lock on each table, by name. */
  readonly locks: Readonly<Record<string, LockMode>>
  readonly lock: LockMode | null
  /** A table was read from end to end; null where that cannot be seen. */
  readonly scans: boolean | null
  /** A table or an index got new files. */
  readonly rewrites: boolean
  /** Why it failed, if it did. */
  readonly error: string | null
}

interface HeldLock {
  readonly oid: number
  readonly mode: string
}

const isSame = (a: HeldLock, b: HeldLock): boolean => a.oid === b.oid && a.mode === b.mode

interface Relation {
  readonly oid: number
  readonly name: string
  readonly kind: string
  readonly file: string
}

/**
 * Runs statements on a scratch database, and sees what they really do: the locks from pg_locks, reading from the
 * statistics of the transaction, new files from pg_class.
 */
export class Measurer {
  readonly #client: pg.Client
  readonly #observer: pg.Client
  #pid = 0
  #known: readonly Relation[] = []

  private constructor(client: pg.Client, observer: pg.Client) {
    this.#client = client
    this.#observer = observer
  }

  /** @param url a database that may be spoiled */
  static async open(url: string): Promise<Measurer> {
    const client = await connectDirectly(url, 'holdfast lint: measured')
    const observer = await connectDirectly(url, 'holdfast lint: observer').catch(async (error: unknown) => {
      await client.end()
      throw error
    })
    const measurer = new Measurer(client, observer)
    // A database of one's own: nobody else has written to it, and scripts name things by the path that they know.
    await client.query('SET search_path TO DEFAULT')
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    measurer.#pid = rows[0]?.pid ?? 0
    await client.query('SET track_counts = on').catch(() => {}) // not everybody may; it is the default
    await measurer.beginScript()
    return measurer
  }

  async close(): Promise<void> {
    await this.#client.end()
    await this.#observer.end()
  }

  /** From here on, what is there now counts as used. */
  async beginScript(): Promise<void> {
    this.#known = await relations(this.#observer)
  }

  /**
   * Runs one statement, in a transaction of its own where it can be in one, and tells what it did.
   * @param trial take it back afterwards, having run the statements of `after` in the same transaction before it
   */
  async measure(
    statement: Pick<Statement, 'text' | 'node'>,
    trial?: { readonly after: readonly string[] },
  ): Promise<Measurement> {
    return specialKindOf(statement.node) === undefined
      ? this.#inTransaction(statement.text, trial)
      : this.#outside(statement.text)
  }

  async #inTransaction(text: string, trial?: { readonly after: readonly string[] }): Promise<Measurement> {
    const client = this.#client
    await client.query('BEGIN')
    try {
      for (const one of trial?.after ?? []) await client.query(one)
      const before = await relations(client)
      const scansBefore = await this.#scans()
      const held = await this.#held(client)
      await client.query(text)
      const locks = this.#strongest(
        (await this.#held(client)).filter((one) => !held.some((other) => isSame(one, other))),
      )
      const { lock } = summed(locks)
      // Reading under a lock that nobody feels is no harm.
      const scans = lock !== null && blockedBy(lock) !== 'nothing' && (await this.#scans()) > scansBefore
      const rewrites = this.#changedFiles(before, await relations(client))
      await client.query(trial ? 'ROLLBACK' : 'COMMIT')
      return { ...summed(locks), scans, rewrites, error: null }
    } catch (error) {
      await client.query('ROLLBACK')
      return { locks: {}, lock: null, scans: null, rewrites: false, error: messageOf(error) }
    }
  }

  /** How often a used table was read from end to end in this transaction. */
  async #scans(): Promise<number> {
    const { rows } = await this.#client.query<{ scans: number }>(
      'SELECT coalesce(sum(seq_scan), 0)::float8 AS scans FROM pg_stat_xact_all_tables WHERE relid = ANY ($1)',
      [this.#known.map(({ oid }) => oid)],
    )
    return rows[0]?.scans ?? 0
  }

  /**
   * What cannot be in a transaction: somebody holds a lock that makes it wait, and while it waits its own is seen.
   */
  async #outside(text: string): Promise<Measurement> {
    const before = await relations(this.#observer)
    const tables = this.#known.filter(({ kind }) => kind === 'r' || kind === 'p').map(({ name }) => name)
    await this.#observer.query('BEGIN')
    if (tables.length > 0)
      await this.#observer.query(`LOCK TABLE ONLY ${tables.join(', ONLY ')} IN SHARE UPDATE EXCLUSIVE MODE`)
    const state = { isOver: false }
    const running = this.#client.query(text).then(
      () => null,
      (error: unknown) => messageOf(error),
    )
    void running.then(() => (state.isOver = true))
    while (!state.isOver && !(await this.#isWaiting())) await wait(systemClock, 5)
    const locks = state.isOver ? {} : this.#strongest(await this.#held(this.#observer))
    await this.#observer.query('COMMIT')
    const error = await running
    const rewrites = this.#changedFiles(before, await relations(this.#observer))
    return { ...summed(locks), scans: null, rewrites, error }
  }

  async #isWaiting(): Promise<boolean> {
    const { rowCount } = await this.#observer.query('SELECT FROM pg_locks WHERE pid = $1 AND NOT granted', [
      this.#pid,
    ])
    return (rowCount ?? 0) > 0
  }

  /** Locks of the measured session on tables that are used, waited for or held. */
  async #held(asked: pg.Client): Promise<HeldLock[]> {
    const { rows } = await asked.query<HeldLock & Record<string, unknown>>(
      `SELECT relation AS oid, mode FROM pg_locks WHERE pid = $1 AND locktype = 'relation' AND relation = ANY ($2)`,
      [this.#pid, this.#known.filter(({ kind }) => kind !== 'i' && kind !== 'I').map(({ oid }) => oid)],
    )
    return rows
  }

  /** Reading is no lock that anybody feels. */
  #strongest(held: readonly HeldLock[]): Record<string, LockMode> {
    const names = new Map(this.#known.map(({ oid, name }) => [oid, name]))
    const locks: Record<string, LockMode> = {}
    for (const { oid, mode } of held) {
      const name = names.get(oid) as string
      const lock = lockModeOf(mode)
      if (lock !== 'ACCESS SHARE') locks[name] = locks[name] ? stronger(locks[name], lock) : lock
    }
    return locks
  }

  #changedFiles(before: readonly Relation[], after: readonly Relation[]): boolean {
    const files = new Map(after.map(({ oid, file }) => [oid, file]))
    const used = new Set(this.#known.map(({ oid }) => oid))
    return before.some(({ oid, file }) => used.has(oid) && files.has(oid) && files.get(oid) !== file)
  }
}

function summed(locks: Record<string, LockMode>): Pick<Measurement, 'locks' | 'lock'> {
  const all = Object.values(locks)
  return { locks, lock: all.length === 0 ? null : all.reduce(stronger) }
}

async function relations(client: pg.Client): Promise<Relation[]> {
  const { rows } = await client.query<Relation & Record<string, unknown>>(
    `SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, c.relkind AS kind, c.reltablespace || '/' || c.relfilenode AS file
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'm', 'v', 'i', 'I') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`,
  )
  return rows
}
