import type { Check, CheckContext, Found } from '../finding.ts'
import { MOST_TOLD, PEOPLES_RELATION } from '../relations.ts'

/** Constraints that PostgreSQL does not hold people to: foreign keys whose triggers are turned off, and those that were never checked. */
export const constraints: Check = {
  id: 'constraints',
  category: 'schema',
  good: 'every constraint holds for every row',
  why: 'Code relies on what a constraint says; rows that break it surface as errors far from their cause.',
  run: async (context) =>
    [...(await turnedOff(context)), ...(await neverChecked(context))].slice(0, MOST_TOLD),
}

/** The triggers of a foreign key lie on both of its tables. */
async function turnedOff({ db }: CheckContext): Promise<Found[]> {
  const { rows } = await db.query<{ table: string; names: string[]; enabling: string }>(`
    SELECT format('%I.%I', n.nspname, c.relname) AS "table", array_agg(DISTINCT k.conname::text) AS names,
           string_agg(format('ENABLE TRIGGER %I', t.tgname), ', ' ORDER BY t.tgname) AS enabling
      FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_constraint k ON k.oid = t.tgconstraint
      JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE t.tgisinternal AND t.tgenabled = 'D' AND k.contype = 'f' AND ${PEOPLES_RELATION}
     GROUP BY 1 ORDER BY 1`)
  return rows.map(({ table, names, enabling }) => ({
    severity: 'warning',
    subject: table,
    message: `Rows may refer to nothing: triggers of ${names.join(', ')} are turned off on ${table}.`,
    evidence: { constraints: names, disabled: true },
    action: 'Turn them on again, as a superuser, then check the rows: holdfast doctor --deep',
    sql: `ALTER TABLE ${table} ${enabling};`,
  }))
}

async function neverChecked({ db, identity }: CheckContext): Promise<Found[]> {
  // What is not to be enforced is so on purpose.
  const isEnforced = identity.versionNumber >= 180_000 ? 'AND k.conenforced' : ''
  const { rows } = await db.query<{ table: string; name: string }>(`
    SELECT format('%I.%I', n.nspname, c.relname) AS "table", quote_ident(k.conname) AS name
      FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE k.contype IN ('f', 'c', 'n') AND k.conparentid = 0 AND NOT k.convalidated ${isEnforced} AND ${PEOPLES_RELATION}
     ORDER BY 1, 2`)
  return rows.map(({ table, name }) => ({
    severity: 'info',
    subject: table,
    message: `Old rows of ${table} may break its constraint ${name}: it was never checked for them.`,
    evidence: { constraint: name, disabled: false },
    action: 'Check them; nobody waits for it:',
    sql: `ALTER TABLE ${table} VALIDATE CONSTRAINT ${name};`,
  }))
}
