import { type Queryable, quoteQualified, refusesConnection, SQLSTATE, sqlstateOf } from '../../core/index.ts'
import { type Frame, type FrameKind, mergeFrames } from './frame.ts'

/** One length of steps: the table that holds them, and how far back it is read. */
export interface Level {
  readonly name: 'minutes' | 'ten_minutes' | 'hours'
  readonly stepMs: number
  readonly keptMs: number
}

const MINUTE_MS = 60_000
const DAY_MS = 1_440 * MINUTE_MS

/** The finest first. */
export const LEVELS = [
  { name: 'minutes', stepMs: MINUTE_MS, keptMs: DAY_MS },
  { name: 'ten_minutes', stepMs: 10 * MINUTE_MS, keptMs: 14 * DAY_MS },
  { name: 'hours', stepMs: 60 * MINUTE_MS, keptMs: 366 * DAY_MS },
] as const satisfies readonly Level[]

/** The finest level that reaches back to `fromMs`. */
export const levelFor = (fromMs: number, nowMs: number): Level =>
  LEVELS.find(({ keptMs }) => nowMs - keptMs <= fromMs) ?? LEVELS[2]

/** Whose steps of a minute may still come: those of other processes. */
const LATE_MS = MINUTE_MS
/** Steps of a longer level that are made at once: what was not collected for long is caught up bit by bit. */
const MOST_STEPS = 150

type Row = {
  readonly kind: FrameKind
  readonly instance: string
  readonly at: number
  readonly keys: string[]
  readonly fields: string[]
  readonly figures: (number | null)[]
}

/** What frames are asked for. */
export interface FrameQuery {
  readonly level: Level
  readonly kind: FrameKind
  readonly fromMs: number
  readonly toMs: number
}

/** Where what Holdfast knows of one database is kept. */
export interface KeptAt {
  readonly db: Queryable
  /** Holdfast's own schema there. */
  readonly schema: string
  /** Which database it is about: several may be kept in one place. Of {@link readSource}. */
  readonly source: string
}

/** The history of one database, in the tables `history_*` of Holdfast's own schema. */
export class HistoryStore {
  readonly #db: Queryable
  readonly #schema: string
  readonly #source: string

  /** @param source of {@link readSource}: several databases may share one history */
  constructor(db: Queryable, schema: string, source: string) {
    this.#db = db
    this.#schema = schema
    this.#source = source
  }

  /** For what else is kept beside the history. */
  get place(): KeptAt {
    return { db: this.#db, schema: this.#schema, source: this.#source }
  }

  /** The name of a level's table, as SQL takes it. */
  tableOf({ name }: Pick<Level, 'name'>): string {
    return quoteQualified(this.#schema, `history_${name}`)
  }

  /** Writes steps down; what is there of one already becomes one with it. */
  async write(level: Level, frames: readonly Frame[]): Promise<void> {
    for (const frame of frames)
      // Somebody else may write the same step at the same time: whoever comes second adds to what is there.
      while (!((await this.#insert(level, frame)) || (await this.#add(level, frame))));
  }

  /** @returns whether there was none */
  async #insert(level: Level, frame: Frame): Promise<boolean> {
    const { rowCount } = await this.#db.query(
      `${this.#insertion(level)} ON CONFLICT DO NOTHING`,
      this.#valuesOf(frame),
    )
    return rowCount === 1
  }

  /** @returns false where it was changed meanwhile */
  async #add(level: Level, frame: Frame): Promise<boolean> {
    const { rows } = await this.#db.query<Row & { version: string }>(
      `SELECT xmin::text AS version, kind, instance, (extract(epoch FROM at) * 1000)::float8 AS at, keys, fields, figures
         FROM ${this.tableOf(level)} WHERE source = $1 AND kind = $2 AND instance = $3 AND at = to_timestamp($4::float8 / 1000)`,
      [this.#source, frame.kind, frame.instance, frame.atMs],
    )
    const [there] = rows
    if (!there) return false
    // The answer to an earlier attempt was lost, and the attempt was not.
    if (isSame(asFrame(there), frame)) return true
    const merged = mergeFrames([asFrame(there), frame], frame.atMs)
    const { rowCount } = await this.#db.query(
      `UPDATE ${this.tableOf(level)} SET keys = $5, fields = $6, figures = $7
        WHERE at = to_timestamp($1::float8 / 1000) AND source = $2 AND kind = $3 AND instance = $4 AND xmin::text = $8`,
      [...this.#valuesOf(merged), there.version],
    )
    return rowCount === 1
  }

  #insertion(level: Level): string {
    return `INSERT INTO ${this.tableOf(level)} (at, source, kind, instance, keys, fields, figures)
            VALUES (to_timestamp($1::float8 / 1000), $2, $3, $4, $5, $6, $7)`
  }

  #valuesOf({ kind, instance, atMs, keys, figures }: Frame): unknown[] {
    return [atMs, this.#source, kind, instance, keys, Object.keys(figures), Object.values(figures).flat()]
  }

  async #put(level: Level, frame: Frame): Promise<void> {
    await this.#db.query(
      `${this.#insertion(level)}
       ON CONFLICT (source, kind, at, instance) DO UPDATE SET keys = excluded.keys, fields = excluded.fields, figures = excluded.figures`,
      this.#valuesOf(frame),
    )
  }

  /** Steps that begin from `fromMs` to `toMs`, the oldest first. */
  async read({ level, kind, fromMs, toMs }: FrameQuery): Promise<Frame[]> {
    const { rows } = await this.#db.query<Row>(
      `SELECT kind, instance, (extract(epoch FROM at) * 1000)::float8 AS at, keys, fields, figures
         FROM ${this.tableOf(level)}
        WHERE source = $1 AND kind = $2 AND at BETWEEN to_timestamp($3::float8 / 1000) AND to_timestamp($4::float8 / 1000)
        ORDER BY at, instance`,
      [this.#source, kind, fromMs, toMs],
    )
    return rows.map(asFrame)
  }

  /** The greatest value of each key in each step, of all instances; null where there is none. The oldest first. */
  async readGreatest(
    { level, kind, fromMs, toMs }: FrameQuery,
    keys: readonly string[],
  ): Promise<{ atMs: number; values: (number | null)[] }[]> {
    const columns = keys.map(
      (_, index) =>
        `max(figures[(array_position(fields, 'value:max') - 1) * cardinality(keys) + array_position(keys, ($5::text[])[${index + 1}])])`,
    )
    const { rows } = await this.#db.query<{ at: number; values: (number | null)[] }>(
      `SELECT (extract(epoch FROM at) * 1000)::float8 AS at, ARRAY[${columns.join(', ')}]::float8[] AS values
         FROM ${this.tableOf(level)}
        WHERE source = $1 AND kind = $2 AND at BETWEEN to_timestamp($3::float8 / 1000) AND to_timestamp($4::float8 / 1000)
        GROUP BY at ORDER BY at`,
      [this.#source, kind, fromMs, toMs, keys],
    )
    return rows.map(({ at, values }) => ({ atMs: at, values }))
  }

  /** When the newest step of this kind begins. */
  async newest(kind: FrameKind): Promise<number | undefined> {
    const { rows } = await this.#db.query<{ at: number | null }>(
      `SELECT (extract(epoch FROM max(at)) * 1000)::float8 AS at FROM ${this.tableOf(LEVELS[0])} WHERE source = $1 AND kind = $2`,
      [this.#source, kind],
    )
    return rows[0]?.at ?? undefined
  }

  /** Makes the longer steps that are complete and not there yet. */
  async rollUp(nowMs: number): Promise<void> {
    for (const [index, level] of LEVELS.entries()) {
      const finer = LEVELS[index - 1]
      // A longer step is made of all its shorter ones, or not yet.
      if (finer && !(await this.#rollUpInto(level, finer, nowMs))) return
    }
  }

  /** @returns whether all that could be made is */
  async #rollUpInto(level: Level, finer: Level, nowMs: number): Promise<boolean> {
    const { rows } = await this.#db.query<{ newest: number | null; oldest: number | null }>(
      `SELECT (SELECT (extract(epoch FROM max(at)) * 1000)::float8 FROM ${this.tableOf(level)}
                WHERE source = $1 AND at <= to_timestamp($3::float8 / 1000)) AS newest,
              (SELECT (extract(epoch FROM min(at)) * 1000)::float8 FROM ${this.tableOf(finer)}
                WHERE source = $1 AND at > to_timestamp($2::float8 / 1000)) AS oldest`,
      // What somebody with a wrong clock wrote ahead of time does not count.
      [this.#source, nowMs - finer.keptMs, nowMs],
    )
    const { newest = null, oldest = null } = rows[0] ?? {}
    if (oldest === null) return true
    const { stepMs } = level
    const begin = newest === null ? oldest : Math.max(newest + stepMs, oldest)
    const first = Math.floor(begin / stepMs) * stepMs
    const end = Math.floor((nowMs - LATE_MS) / stepMs) * stepMs
    let made = 0
    for (let atMs = first; atMs < end; atMs += stepMs) {
      if (made >= MOST_STEPS) return false
      for (const frames of await this.#framesWithin(finer, atMs, stepMs)) {
        await this.#put(level, mergeFrames(frames, atMs))
        made += 1
      }
    }
    return true
  }

  /** Those of one step, by what they are of. */
  async #framesWithin(finer: Level, atMs: number, stepMs: number): Promise<Frame[][]> {
    const { rows } = await this.#db.query<Row>(
      `SELECT kind, instance, (extract(epoch FROM at) * 1000)::float8 AS at, keys, fields, figures
         FROM ${this.tableOf(finer)}
        WHERE source = $1 AND at >= to_timestamp($2::float8 / 1000) AND at < to_timestamp($3::float8 / 1000) ORDER BY at`,
      [this.#source, atMs, atMs + stepMs],
    )
    return [...Map.groupBy(rows.map(asFrame), ({ kind, instance }) => `${kind} ${instance}`).values()]
  }

  /** Removes what is too old and lies where no partition can be dropped: in a default partition. */
  async tidy(nowMs: number): Promise<void> {
    for (const level of LEVELS) {
      const stray = quoteQualified(this.#schema, `history_${level.name}_default`)
      await this.#db.query(`DELETE FROM ${stray} WHERE at < to_timestamp($1::float8 / 1000)`, [
        nowMs - level.keptMs,
      ])
    }
    await this.#db.query(
      `DELETE FROM ${quoteQualified(this.#schema, 'statement_texts')} WHERE seen_at < to_timestamp($1::float8 / 1000)`,
      [nowMs - LEVELS[2].keptMs],
    )
  }

  /** Keeps the texts of statements that the history names; once a day is enough. @param texts by fingerprint */
  async keepTexts(texts: ReadonlyMap<string, string>, nowMs: number): Promise<void> {
    if (texts.size === 0) return
    await this.#db.query(
      `INSERT INTO ${quoteQualified(this.#schema, 'statement_texts')} (fingerprint, text, seen_at)
       SELECT fingerprint, text, to_timestamp($3::float8 / 1000) FROM unnest($1::text[], $2::text[]) AS u (fingerprint, text)
       ON CONFLICT (fingerprint) DO UPDATE SET seen_at = excluded.seen_at`,
      [[...texts.keys()], [...texts.values()], nowMs],
    )
  }

  /** Texts of statements by fingerprint. */
  async readTexts(fingerprints: readonly string[]): Promise<Map<string, string>> {
    const { rows } = await this.#db.query<{ fingerprint: string; text: string }>(
      `SELECT fingerprint, text FROM ${quoteQualified(this.#schema, 'statement_texts')} WHERE fingerprint = ANY ($1)`,
      [fingerprints],
    )
    return new Map(rows.map(({ fingerprint, text }) => [fingerprint, text]))
  }
}

const isSame = (one: Frame, other: Frame): boolean =>
  JSON.stringify([one.keys, one.figures]) === JSON.stringify([other.keys, other.figures])

function asFrame({ kind, instance, at, keys, fields, figures }: Row): Frame {
  const width = keys.length
  return {
    kind,
    instance,
    atMs: at,
    keys,
    figures: Object.fromEntries(
      fields.map((field, index) => [field, figures.slice(index * width, (index + 1) * width)]),
    ),
  }
}

/** Which database this is: the same after a restart and after a failover to a physical replica. */
export async function readSource(db: Queryable): Promise<string> {
  const { rows } = await db.query<{ source: string }>(
    `SELECT pg_catalog.concat(system_identifier, '/', pg_catalog.current_database()) AS source FROM pg_catalog.pg_control_system()`,
  )
  return (rows[0] as { source: string }).source
}

/** Whether there is one. Reads one row at most. */
export async function isHistoryThere(db: Queryable, schema: string): Promise<boolean> {
  try {
    await db.query(`SELECT FROM ${quoteQualified(schema, 'history_minutes')} LIMIT 1`)
    return true
  } catch (error) {
    if (sqlstateOf(error) === SQLSTATE.undefinedTable) return false
    throw error
  }
}

/**
 * The history that `db` keeps; undefined where there is none, or not for this role. Reads one row.
 * @param source of which database; default: of itself
 */
export async function findHistory(
  db: Queryable,
  schema: string,
  source?: string,
): Promise<HistoryStore | undefined> {
  try {
    return (await isHistoryThere(db, schema))
      ? new HistoryStore(db, schema, source ?? (await readSource(db)))
      : undefined
  } catch (error) {
    // What keeps everybody from the database is not that this role has no history there.
    if (sqlstateOf(error) === undefined || refusesConnection(error)) throw error
    return undefined
  }
}

/** How much room a history takes in bytes. */
export async function readHistorySize(db: Queryable, schema: string): Promise<number> {
  const { rows } = await db.query<{ bytes: number }>(
    `SELECT coalesce(sum(pg_catalog.pg_total_relation_size(c.oid)), 0)::float8 AS bytes
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relkind = 'r' AND (c.relname LIKE 'history\\_%' OR c.relname = 'statement_texts')`,
    [schema],
  )
  return rows[0]?.bytes ?? 0
}
