import { MOST_TOLD, PEOPLES_SCHEMA } from '../relations.ts'
import type { Check } from '../finding.ts'

const WARNING_PERCENT = 75
const ERROR_PERCENT = 90

type Row = {
  readonly sequence: string
  readonly column: string | null
  readonly type: string
  readonly last: string
  readonly limit: string
  readonly percent: number
}

/** How much is left of each sequence, by the column that it is for where that is narrower. */
const USE = `
  SELECT format('%I.%I', n.nspname, c.relname) AS sequence, o."column", coalesce(o.type, s.seqtypid::regtype::text) AS type,
         v.last::text AS last, l.most::text AS "limit",
         round(100 * (v.last::numeric - s.seqstart) / nullif(l.most::numeric - s.seqstart, 0), 1)::float8 AS percent
    FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN LATERAL (
      SELECT format('%s.%I', d.refobjid::regclass, a.attname) AS "column", a.atttypid::regtype::text AS type
        FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
       WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') LIMIT 1) o ON true
   CROSS JOIN LATERAL (SELECT pg_sequence_last_value(c.oid) AS last
                        WHERE has_sequence_privilege(c.oid, 'USAGE') OR has_sequence_privilege(c.oid, 'SELECT')) v
   CROSS JOIN LATERAL (SELECT least(s.seqmax, CASE o.type WHEN 'smallint' THEN 32767 WHEN 'integer' THEN 2147483647 END) AS most) l
   WHERE v.last IS NOT NULL AND NOT s.seqcycle AND s.seqincrement > 0 AND ${PEOPLES_SCHEMA}`

/** A sequence that comes to the end of its column's type. */
export const sequences: Check = {
  id: 'sequences',
  category: 'storage',
  good: 'every sequence has room to grow',
  why: 'At its end every insert fails, and giving a big table a wider key takes long.',
  run: async ({ db }) => {
    const { rows } = await db.query<Row>(
      `SELECT * FROM (${USE}) u WHERE percent >= $1 ORDER BY percent DESC, sequence LIMIT $2`,
      [WARNING_PERCENT, MOST_TOLD],
    )
    return rows.map(({ sequence, column, type, last, limit, percent }) => ({
      severity: percent < ERROR_PERCENT ? ('warning' as const) : ('error' as const),
      subject: sequence,
      message: `Inserts${column === null ? '' : ` into ${column}`} fail once ${sequence} has come to ${limit}: it stands at ${last}, ${percent}% of what ${type} holds.`,
      evidence: { column, type, last_value: last, limit, percent },
      action:
        type === 'bigint'
          ? 'Raise MAXVALUE of the sequence.'
          : 'Make the column bigint without stopping writers: holdfast migrate lint says how, step by step.',
      sql: null,
    }))
  },
}
