import type { Queryable } from '../../core/index.ts'

/** As many as PostgreSQL keeps by default; with the longest texts 20 MB. */
const MOST_TEXTS = 5_000
const LONGEST_TEXT = 4_000

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
        `SELECT queryid::text AS id, left(min(query), $2) AS query FROM ${schema}.pg_stat_statements
          WHERE queryid = ANY ($1::bigint[]) AND dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
          GROUP BY queryid`,
        [unseen, LONGEST_TEXT],
      )
      for (const { id, query } of rows) this.#texts.set(id, withoutSecrets(query))
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

/** Statements whose constants PostgreSQL has replaced by $1 and so on. */
const NORMALIZED = /^(?:select|insert|update|delete|merge|with|values|table)\b/i
/** Where a command that PostgreSQL keeps as it was typed may begin to name a secret. */
const VALUE_BEGINS = /\b[a-z]?&?'|'|\$\w*\$|=|\bto\b|(?<![\w.])\d/i

/**
 * PostgreSQL replaces the values of queries, but not those of every command: the password of CREATE ROLE or the
 * setting of ALTER ROLE SET is kept as it was typed. Of such a command only what stands before its first value is
 * shown.
 */
export function withoutSecrets(query: string): string {
  const text = withoutLeadingComments(query)
  // A comment before it may hold anything.
  const lead = query.slice(0, query.length - text.length).replaceAll(/'[^']*'?|"[^"]*"?/g, "'…'")
  if (NORMALIZED.test(text.replace(/^[\s(]+/, ''))) return `${lead}${text}`
  const at = text.search(VALUE_BEGINS)
  return at < 0 ? text : `${text.slice(0, at)}…`
}

function withoutLeadingComments(query: string): string {
  let text = query.trimStart()
  for (;;) {
    const end = text.startsWith('--')
      ? text.indexOf('\n')
      : text.startsWith('/*')
        ? text.indexOf('*/')
        : undefined
    if (end === undefined) return text
    if (end < 0) return '' // a comment to its end, or cut within one
    text = text.slice(end + (text.startsWith('--') ? 1 : 2)).trimStart()
  }
}
