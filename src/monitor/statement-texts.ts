import type { Queryable } from '../core/index.ts'

const MOST_TEXTS = 2_000
const LONGEST_TEXT = 10_000

/**
 * The texts of statements by queryid, each asked for once: PostgreSQL reads the whole file of texts for any of
 * them. Bounded; the oldest are forgotten and asked for again when they are needed.
 */
export class StatementTexts {
  readonly #texts = new Map<string, string>()

  /** The texts of these statements. One that was evicted meanwhile is missing from the result. */
  async read(db: Queryable, schema: string, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const unseen = ids.filter((id) => !this.#texts.has(id))
    if (unseen.length > 0) {
      const { rows } = await db.query<{ id: string; query: string }>(
        `SELECT queryid::text AS id, min(query) AS query FROM ${schema}.pg_stat_statements
          WHERE queryid = ANY ($1::bigint[]) AND dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
          GROUP BY queryid`,
        [unseen],
      )
      for (const { id, query } of rows) this.#texts.set(id, withoutSecrets(query).slice(0, LONGEST_TEXT))
    }
    const found = new Map(
      ids.flatMap((id) => (this.#texts.has(id) ? [[id, this.#texts.get(id) as string]] : [])),
    )
    for (const oldest of this.#texts.keys()) {
      if (this.#texts.size <= MOST_TEXTS) break
      this.#texts.delete(oldest)
    }
    return found
  }
}

/**
 * PostgreSQL replaces the values of statements, but not those of every command: the password of CREATE ROLE is
 * kept as it was typed on some versions.
 */
export function withoutSecrets(query: string): string {
  return /\b(password|connection|secret|options)\b/i.test(query) && /^\s*(create|alter|set)\b/i.test(query)
    ? query.replaceAll(/E?'(?:[^'\\]|\\.|'')*'|\$(\w*)\$[\s\S]*?\$\1\$/gi, "'…'")
    : query
}
