import { isHoldfastError, type OwnersQueryable, quoteWhereNeeded, sqlstateOf } from '../../core/index.ts'
import { PEOPLES_RELATION } from '../relations.ts'
import type { Check, Found } from '../finding.ts'

type Key = {
  readonly table: string
  readonly owner: string
  readonly name: string
  readonly referenced: string
  readonly columns: string[]
  readonly targets: string[]
  /** Of the key's own types, qualified: what is looked for is not looked up by a path. */
  readonly operators: string[]
}

/** Foreign keys that nobody holds people to: never checked for old rows, or with their triggers turned off. */
const DOUBTFUL = `
  SELECT format('%I.%I', n.nspname, c.relname) AS "table", pg_get_userbyid(c.relowner) AS owner, k.conname AS name, (SELECT format('%I.%I', fn.nspname, fc.relname) FROM pg_catalog.pg_class fc JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace
           WHERE fc.oid = k.confrelid) AS referenced,
         (SELECT array_agg(a.attname::text ORDER BY u.place) FROM unnest(k.conkey) WITH ORDINALITY u (number, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number) AS columns,
         (SELECT array_agg(a.attname::text ORDER BY u.place) FROM unnest(k.confkey) WITH ORDINALITY u (number, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number) AS targets,
         (SELECT array_agg(format('OPERATOR(%I.%s)', opn.nspname, o.oprname) ORDER BY u.place) FROM unnest(k.conpfeqop) WITH ORDINALITY u (oid, place)
            JOIN pg_catalog.pg_operator o ON o.oid = u.oid JOIN pg_catalog.pg_namespace opn ON opn.oid = o.oprnamespace) AS operators
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE k.contype = 'f' AND k.conparentid = 0 AND ${PEOPLES_RELATION}
     AND (NOT k.convalidated OR EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgisinternal AND t.tgenabled = 'D'))
   ORDER BY 1, 2`

/** Rows that refer to nothing. */
export const orphanRows: Check = {
  id: 'orphan-rows',
  category: 'schema',
  scope: 'deep',
  good: 'every row refers to one that is there',
  why: 'A row that refers to nothing surfaces as an error far from its cause, and the constraint cannot be validated.',
  run: async ({ db }) => {
    const { rows } = await db.query<Key>(DOUBTFUL)
    const found: Found[] = []
    for (const key of rows) {
      const { table, name, referenced, owner } = key
      const orphans = await countOrphans(db, key).catch((error: unknown) => {
        // It may not be read as its owner, or its owner may not read what it refers to: nothing is known.
        if (sqlstateOf(error) !== undefined || isHoldfastError(error)) return undefined
        throw error
      })
      if (orphans === 0) continue
      if (orphans === undefined) {
        found.push({
          severity: 'info',
          subject: table,
          message: `Whether rows of ${table} refer to rows of ${referenced} that are not there, against ${name}, could not be looked at with the rights of ${owner}, whose it is.`,
          evidence: { constraint: name, referenced, orphans: null },
          action: 'Look at it as a role that may read both:',
          sql: orphansOf('SELECT o.*', key) + ' LIMIT 100;',
        })
        continue
      }
      found.push({
        severity: 'error',
        subject: table,
        message: `${orphans} rows of ${table} refer to rows of ${referenced} that are not there, against ${name}.`,
        evidence: { constraint: name, referenced, orphans },
        action: 'Look at them, mend or delete them, then validate the constraint:',
        sql: orphansOf('SELECT o.*', key) + ' LIMIT 100;',
      })
    }
    return found
  },
}

/** As in MATCH SIMPLE: a row with a NULL in the key refers to nobody. */
function orphansOf(
  select: string,
  { table, referenced, columns, targets }: Omit<Key, 'operators'>,
  operators: readonly string[] = [],
): string {
  const pairs = columns.map(
    (column, place) =>
      `r.${quoteWhereNeeded(targets[place] ?? '')} ${operators[place] ?? '='} o.${quoteWhereNeeded(column)}`,
  )
  const known = columns.map((column) => `o.${quoteWhereNeeded(column)} IS NOT NULL`)
  return `${select} FROM ${table} o WHERE ${known.join(' AND ')} AND NOT EXISTS (SELECT FROM ${referenced} r WHERE ${pairs.join(' AND ')})`
}

/** Undefined where it cannot be read with the owner's rights. */
async function countOrphans(db: OwnersQueryable, key: Key): Promise<number | undefined> {
  const text = orphansOf('SELECT pg_catalog.count(*)::float8 AS count', key, key.operators)
  const rows = await db.rowsAs?.<{ count: number }>([key.table, key.referenced], text)
  return rows && (rows[0]?.count ?? 0)
}
