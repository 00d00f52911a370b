import { MOST_TOLD, PEOPLES_RELATION } from '../relations.ts'
import type { Check } from '../finding.ts'

type Row = { readonly table: string; readonly name: string; readonly disabled: boolean }

/** Constraints that PostgreSQL does not hold people to: foreign keys whose triggers are turned off, and those that were never checked. */
export const constraints: Check = {
  id: 'constraints',
  category: 'schema',
  good: 'every constraint holds for every row',
  why: 'Code relies on what a constraint says; rows that break it surface as errors far from their cause.',
  run: async ({ db }) => {
    const { rows } = await db.query<Row>(`
      SELECT * FROM (
        SELECT format('%I.%I', n.nspname, c.relname) AS "table", quote_ident(k.conname) AS name, EXISTS (
                 SELECT FROM pg_catalog.pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgisinternal AND t.tgenabled = 'D') AS disabled,
               k.convalidated
          FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE k.contype IN ('f', 'c', 'n') AND k.conparentid = 0 AND ${PEOPLES_RELATION}) k
       WHERE disabled OR NOT convalidated ORDER BY disabled DESC, 1, 2 LIMIT ${MOST_TOLD}`)
    return rows.map(({ table, name, disabled }) => ({
      severity: disabled ? ('warning' as const) : ('info' as const),
      subject: table,
      message: disabled
        ? `Rows of ${table} may refer to nothing: the triggers of its foreign key ${name} are turned off.`
        : `Old rows of ${table} may break its constraint ${name}: it was never checked for them.`,
      evidence: { constraint: name, disabled },
      action: disabled
        ? 'Turn them on again, then check the rows: holdfast doctor --deep'
        : 'Check them; nobody waits for it:',
      sql: disabled
        ? `ALTER TABLE ${table} ENABLE TRIGGER ALL;`
        : `ALTER TABLE ${table} VALIDATE CONSTRAINT ${name};`,
    }))
  },
}
