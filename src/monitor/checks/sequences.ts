import { MOST_TOLD, PEOPLES_SCHEMA } from '../relations.ts'
import type { Check, Found } from '../finding.ts'

const WARNING_PERCENT = 75
const ERROR_PERCENT = 90

type Row = {
  readonly sequence: string
  readonly column: string | null
  readonly type: string
  readonly sequenceType: string
  readonly last: string
  readonly limit: string
  readonly percent: number
}

/**
 * How much is left of each sequence, up or down, by the column that it is for where that is narrower: one that owns it, or whose default
 * asks it.
 */
const USE = `
  SELECT format('%I.%I', n.nspname, c.relname) AS sequence, o."column", s.seqtypid::regtype::text AS "sequenceType",
         coalesce(o.type, s.seqtypid::regtype::text) AS type, v.last::text AS last, l.most::text AS "limit",
         round(100 * abs(v.last::numeric - s.seqstart) / nullif(abs(l.most::numeric - s.seqstart), 0), 1)::float8 AS percent
    FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN LATERAL (
      SELECT format('%s.%I', u.relid::regclass, a.attname) AS "column", coalesce(nullif(t.typbasetype, 0), t.oid)::regtype::text AS type
        FROM (SELECT d.refobjid AS relid, d.refobjsubid AS number FROM pg_catalog.pg_depend d
               WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
                 AND d.deptype IN ('a', 'i')
              UNION SELECT f.adrelid, f.adnum FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
               WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid) u
        JOIN pg_catalog.pg_attribute a ON a.attrelid = u.relid AND a.attnum = u.number JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
       ORDER BY t.typlen LIMIT 1) o ON true
   CROSS JOIN LATERAL (SELECT pg_sequence_last_value(c.oid) AS last
                        WHERE has_sequence_privilege(c.oid, 'USAGE') OR has_sequence_privilege(c.oid, 'SELECT')) v
   CROSS JOIN LATERAL (SELECT CASE o.type WHEN 'smallint' THEN 32767 WHEN 'integer' THEN 2147483647 ELSE 9223372036854775807 END AS type) w
   CROSS JOIN LATERAL (SELECT CASE WHEN s.seqincrement > 0 THEN least(s.seqmax, w.type) ELSE greatest(s.seqmin, -w.type) END AS most) l
   WHERE v.last IS NOT NULL AND NOT s.seqcycle AND ${PEOPLES_SCHEMA}`

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
    return rows.map(({ sequence, column, type, sequenceType, last, limit, percent }) => ({
      severity: percent < ERROR_PERCENT ? ('warning' as const) : ('error' as const),
      subject: sequence,
      message: `Inserts${column === null ? '' : ` into ${column}`} fail once ${sequence} has come to ${limit}: it stands at ${last}, ${percent}% of the way.`,
      evidence: { column, type, last_value: last, limit, percent },
      ...remedyOf(sequence, type, sequenceType),
    }))
  },
}

/** The column is as wide as its sequence, or not. */
function remedyOf(sequence: string, type: string, sequenceType: string): Pick<Found, 'action' | 'sql'> {
  if (type !== 'bigint')
    return {
      action:
        'Make the column bigint without stopping writers: holdfast migrate lint says how, step by step.',
      sql: null,
    }
  return sequenceType === 'bigint'
    ? { action: 'Raise its MAXVALUE, or lower its MINVALUE where it counts down.', sql: null }
    : {
        action: 'Its column is wide enough; the sequence is not yet:',
        sql: `ALTER SEQUENCE ${sequence} AS bigint;`,
      }
}
