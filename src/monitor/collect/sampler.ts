import type { Clock, Queryable } from '../../core/index.ts'
import { type Frame, mergeFrames, OTHERS, withLargest } from '../history/frame.ts'
import { readBackupTrace } from '../backups.ts'
import { readDatabaseSize } from '../queries.ts'
import type { FedReading, StatementFeed } from '../statements/feed.ts'
import { Fingerprints } from '../statements/fingerprints.ts'
import { growthOf, type StatementTotals } from '../statements/reading.ts'
import {
  type Middle,
  ratesBetween,
  readMiddle,
  readNow,
  readTables,
  type TableState,
  type Values,
} from './readings.ts'

/** One look at a database, as a frame. A look whose figures are differences gives none the first time. */
export type Look = (atMs: number) => Promise<Frame | undefined>

/** Looks at one database again and again, and remembers what the next look needs. */
export class Sampler {
  readonly #db: Queryable
  readonly #clock: Clock
  readonly #feed: StatementFeed
  readonly #fingerprints = new Fingerprints()
  #middle: Middle | undefined
  #statements: FedReading | undefined
  #tables: ReadonlyMap<number, TableState> | undefined
  /** How old a reading of the statements may be that another has taken. */
  statementsAgeMs = 0
  /** Texts of the statements of the last frame, by fingerprint. */
  texts: ReadonlyMap<string, string> = new Map()

  constructor(db: Queryable, clock: Clock, feed: StatementFeed) {
    this.#db = db
    this.#clock = clock
    this.#feed = feed
  }

  /** Forgets what differences are taken from: nobody looked for a while. */
  interrupt(): void {
    this.#middle = undefined
    this.#statements = undefined
    this.#tables = undefined
  }

  /** Sessions and locks. */
  readonly activity: Look = async (atMs) => frameOf(atMs, await readNow(this.#db))

  /** Counters, replication, age. */
  readonly counters: Look = async (atMs) => {
    const before = this.#middle
    const after = await readMiddle(this.#db, this.#clock.monotonicMs())
    this.#middle = after
    return frameOf(atMs, { ...after.values, ...(before && ratesBetween(before, after)) })
  }

  readonly size: Look = async (atMs) => frameOf(atMs, { database_bytes: await readDatabaseSize(this.#db) })

  readonly backups: Look = async (atMs) =>
    frameOf(atMs, { backup_age_seconds: (await readBackupTrace(this.#db))?.ageSeconds ?? null })

  /** What each statement did. */
  readonly statements: Look = async (atMs) => {
    const before = this.#statements
    const after = await this.#feed.read(this.statementsAgeMs)
    this.#statements = after
    if (!before || !after || after === before) return undefined
    const uses = growthOf(before.reading, after.reading)
    return this.#named(statementFrame(atMs, uses), after)
  }

  /** What was done with each table, and how big it is. */
  readonly tables: Look = async (atMs) => {
    const before = this.#tables
    const after = await readTables(this.#db)
    this.#tables = after
    return before && tableFrame(atMs, before, after)
  }

  /** The same frame with fingerprints in place of queryids. */
  async #named(frame: Frame, fed: FedReading): Promise<Frame> {
    const ids = frame.keys.filter((key) => key !== OTHERS)
    const texts = await this.#feed.readTexts(fed, ids)
    const unknown = new Set(this.#fingerprints.unknown(texts.keys()))
    await this.#fingerprints.learn(new Map([...texts].filter(([id]) => unknown.has(id))))
    const keys = frame.keys.map((key) => (key === OTHERS ? OTHERS : (this.#fingerprints.of(key) ?? OTHERS)))
    this.texts = new Map(
      [...texts].flatMap(([id, text]) => {
        const fingerprint = this.#fingerprints.of(id)
        return fingerprint === undefined ? [] : [[fingerprint, text]]
      }),
    )
    return withoutDoubles({ ...frame, keys })
  }
}

function frameOf(atMs: number, values: Values): Frame {
  const known = Object.entries(values).filter(([, value]) => value !== null && value !== undefined)
  const figures = known.map(([, value]) => value as number)
  return {
    kind: 'database',
    instance: '',
    atMs,
    keys: known.map(([name]) => name),
    figures: { 'value:mean': figures, 'value:max': figures },
  }
}

const STATEMENT_FIELDS = [
  ['calls:sum', 'calls'],
  ['total_ms:sum', 'totalMs'],
  ['rows:sum', 'rows'],
  ['blocks_hit:sum', 'blocksHit'],
  ['blocks_read:sum', 'blocksRead'],
  ['temp_blocks:sum', 'tempBlocks'],
  ['wal_bytes:sum', 'walBytes'],
  ['io_ms:sum', 'ioMs'],
] as const satisfies readonly (readonly [string, keyof StatementTotals])[]

function statementFrame(atMs: number, uses: ReadonlyMap<string | null, StatementTotals>): Frame {
  const totals = [...uses.values()]
  return withLargest({
    kind: 'statements',
    instance: '',
    atMs,
    keys: [...uses.keys()].map((id) => id ?? OTHERS),
    figures: Object.fromEntries(
      STATEMENT_FIELDS.map(([field, name]) => [field, totals.map((one) => rounded(one[name]))]),
    ),
  })
}

/** Microseconds are enough. */
const rounded = (value: number): number => Math.round(value * 1_000) / 1_000

/** Several statements with one fingerprint are one; so is each with one of the others. */
function withoutDoubles(frame: Frame): Frame {
  if (new Set(frame.keys).size === frame.keys.length) return frame
  const parts = frame.keys.map((key, index) => ({
    ...frame,
    keys: [key],
    figures: Object.fromEntries(
      Object.entries(frame.figures).map(([field, values]) => [field, [values[index] ?? null]]),
    ),
  }))
  return mergeFrames(parts, frame.atMs)
}

function tableFrame(
  atMs: number,
  before: ReadonlyMap<number, TableState>,
  after: ReadonlyMap<number, TableState>,
): Frame {
  const pairs = [...after].map(([oid, now]) => [before.get(oid), now] as const)
  const grown = (name: 'sequentialScans' | 'indexScans' | 'rowsRead' | 'changes'): (number | null)[] =>
    pairs.map(([then, now]) => {
      const growth = now[name] - (then?.[name] ?? 0)
      return growth < 0 ? null : growth // reset
    })
  return withLargest({
    kind: 'tables',
    instance: '',
    atMs,
    keys: pairs.map(([, { key }]) => key),
    figures: {
      'bytes:last': pairs.map(([, { bytes }]) => bytes),
      'rows:last': pairs.map(([, { rows }]) => rows),
      'dead_rows:last': pairs.map(([, { deadRows }]) => deadRows),
      'sequential_scans:sum': grown('sequentialScans'),
      'index_scans:sum': grown('indexScans'),
      'rows_read:sum': grown('rowsRead'),
      'changes:sum': grown('changes'),
    },
  })
}
