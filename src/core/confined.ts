import { randomBytes } from 'node:crypto'
import { confinementChanged, confinementOpen } from './errors.ts'
import type { QueryResultRow } from './ports.ts'
import { OWN_PATH, type Queryable, quoteIdentifier, quoteLiteral, quoteQualified } from './sql.ts'

/** Runs statements with the rights of one role or another. */
export interface Hand {
  /** Whether they run with another role's rights, in a context that they cannot leave. */
  readonly isConfined: boolean
  /** Runs one statement, or without values several, for what they do. */
  run(text: string, values?: readonly (string | null)[]): Promise<void>
  /** Runs one statement for its rows. What is no text, number, truth value or list of these has to be cast to text in it. */
  rows<Row extends QueryResultRow>(text: string, values?: readonly (string | null)[]): Promise<Row[]>
}

/** The session's own. */
export const plainHand = (db: Queryable): Hand => ({
  isConfined: false,
  run: async (text, values) => void (await db.query(text, values && [...values])),
  rows: async <Row extends QueryResultRow>(text: string, values?: readonly (string | null)[]) =>
    (await db.query<Row>(text, values && [...values])).rows,
})

/** How many values a statement may have. */
const MOST_VALUES = 64
/** What our own statements go by, and code of others may have set: it is put back behind each of theirs. */
const KEPT = [
  'client_encoding',
  'standard_conforming_strings',
  'lock_timeout',
  'statement_timeout',
  'TimeZone',
  'DateStyle',
  'IntervalStyle',
  'extra_float_digits',
  'bytea_output',
  'row_security',
  'default_tablespace',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'transaction_timeout',
  'synchronous_commit',
  'exit_on_error',
]

interface Roles {
  readonly me: string
  readonly isSuper: boolean
  /** Of the other role; null where there is none. */
  readonly oid: number | null
  readonly isTrusted: boolean
}

/**
 * A hand with the rights of another role, for statements that may set off code of others: a check, a default, an index's expression, a
 * trigger, a policy, a function that the planner works out. It runs them in a function of that role's, SECURITY DEFINER, which no SET
 * ROLE leaves; what is put off to the transaction's end runs within it, too. For the role that the session is of, and for a superuser, it is
 * the session's own hand: nobody gains a right by that. A session that only acts as a role (ALTER ROLE ... SET role) is not of it.
 *
 * What such code SETs for the session is put back as far as our own statements go by it; what else it set is undone by RESET ALL, which
 * is due behind the transaction.
 *
 * @param db a session, outside of a transaction or in one that may write: the functions are made in its temporary schema
 * @param path where functions that such code calls, and names in the statements, are found
 * @throws HF_CONFINEMENT_OPEN where the other role could get at the function; the server's 42501 where the session's role may not act as it
 */
export async function confinedHand(
  db: Queryable,
  role: string,
  path: readonly string[] = ['pg_catalog', 'pg_temp'],
): Promise<Hand> {
  const { rows } = await db.query<Roles & QueryResultRow>(
    `SELECT me.rolname AS me, me.rolsuper AS "isSuper", r.oid::pg_catalog.int8::pg_catalog.float8 AS oid,
            coalesce(r.rolsuper OR (r.oid OPERATOR(pg_catalog.=) me.oid AND me.rolname OPERATOR(pg_catalog.=) session_user), false) AS "isTrusted"
       FROM pg_catalog.pg_roles me LEFT JOIN pg_catalog.pg_roles r ON r.rolname OPERATOR(pg_catalog.=) $1
      WHERE me.rolname OPERATOR(pg_catalog.=) current_user`,
    [role],
  )
  const roles = rows[0] as Roles
  if (roles.isTrusted) return plainHand(db)
  const made = [functionOf('run', path), functionOf('rows', path)] as const
  await db.query(making(made, roles, role))
  // Whoever may name what is in this schema could alter it from elsewhere, until here and at any later moment.
  const { rows: reach } = await db.query<{ isOpen: boolean }>(
    `SELECT pg_catalog.pg_has_role($1::pg_catalog.name, 'pg_read_all_data'::pg_catalog.name, 'USAGE'::pg_catalog.text)
         OR pg_catalog.pg_has_role($1::pg_catalog.name, 'pg_write_all_data'::pg_catalog.name, 'USAGE'::pg_catalog.text)
         OR n.nspacl IS NOT NULL AS "isOpen" FROM pg_catalog.pg_namespace n WHERE n.oid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()`,
    [role],
  )
  if (reach[0]?.isOpen !== false) throw confinementOpen(role)
  const asMade = await Promise.all(made.map((fn) => stateOf(db, fn)))
  const call = async <Value>(
    fn: ConfinedFunction,
    text: string,
    values: readonly (string | null)[] | undefined,
  ): Promise<Value[]> => {
    // It is the other role's, whose code may have changed it: into one that runs with the session's own rights, or not at all.
    if ((await stateOf(db, fn)) !== asMade[made.indexOf(fn)]) throw confinementChanged(role)
    const sql = `SELECT ${fn.name}($1::pg_catalog.text, $2::pg_catalog.text[]) AS value`
    return (await db.query<{ value: Value }>(sql, [text, values ?? null])).rows.map(({ value }) => value)
  }
  return {
    isConfined: true,
    run: async (text, values) => {
      const [isDone] = await call<boolean>(made[0], text, values)
      if (isDone !== true) throw confinementChanged(role)
    },
    rows: (text, values) => call(made[1], text, values),
  }
}

interface ConfinedFunction {
  readonly name: string
  readonly result: string
  readonly path: readonly string[]
  readonly body: string
}

const WORK = {
  run: { result: 'boolean', declared: '', loop: '' },
  rows: { result: 'SETOF jsonb', declared: 'one record;', loop: 'RETURN NEXT pg_catalog.to_jsonb(one);' },
} as const

function functionOf(kind: keyof typeof WORK, path: readonly string[]): ConfinedFunction {
  const { result, declared, loop } = WORK[kind]
  const using = `USING ${Array.from({ length: MOST_VALUES }, (_, n) => `given[${n + 1}]`).join(', ')}`
  const doing = (values: string): string =>
    loop === ''
      ? `EXECUTE statement ${values};`
      : `FOR one IN EXECUTE statement ${values} LOOP ${loop} END LOOP;`
  return {
    // Nobody knows it beforehand.
    name: quoteQualified('pg_temp', `holdfast_${kind}_${randomBytes(8).toString('hex')}`),
    result,
    path,
    body: `
DECLARE
  names CONSTANT pg_catalog.text[] := ARRAY[${KEPT.map(quoteLiteral).join(', ')}];
  kept pg_catalog.text[];
  left_open record;
  ${declared}
BEGIN
  SELECT pg_catalog.array_agg(pg_catalog.current_setting(n.name, true) ORDER BY n.place) INTO kept FROM pg_catalog.unnest(names) WITH ORDINALITY n (name, place);
  IF given IS NULL THEN ${doing('')} ELSE ${doing(using)} END IF;
  SET CONSTRAINTS ALL IMMEDIATE;
  PERFORM pg_catalog.set_config('search_path', ${quoteLiteral(OWN_PATH)}, false);
  ${REFUSING_DEFERRED}
  FOR left_open IN SELECT c.name FROM pg_catalog.pg_cursors c WHERE c.is_holdable LOOP
    EXECUTE pg_catalog.format('CLOSE %I', left_open.name);
  END LOOP;
  PERFORM pg_catalog.set_config(names[n], kept[n], true) FROM pg_catalog.generate_subscripts(names, 1) n WHERE kept[n] IS NOT NULL;
  ${loop === '' ? 'RETURN true;' : 'RETURN;'}
END`,
  }
}

/**
 * A trigger that runs when constraints are made immediate may put something off once more, to where the transaction ends: there the
 * session's own role is back (before 18), or what it leaves open is worked out by it. So a table that was written to and has something
 * of anybody's that can be put off is one too many. Foreign keys are checked as the tables' owners, whenever.
 */
const REFUSING_DEFERRED = `
  IF EXISTS (
    SELECT FROM (
      SELECT t.tgrelid AS oid FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) t.tgfoid
       WHERE t.tgdeferrable AND p.pronamespace OPERATOR(pg_catalog.<>) 'pg_catalog'::pg_catalog.regnamespace::pg_catalog.oid
      UNION ALL SELECT o.conrelid FROM pg_catalog.pg_constraint o WHERE o.condeferrable AND o.contype OPERATOR(pg_catalog.=) 'x') d
     WHERE pg_catalog.current_setting('track_counts') OPERATOR(pg_catalog.<>) 'on'
        OR pg_catalog.pg_stat_get_xact_tuples_inserted(d.oid) OPERATOR(pg_catalog.>) 0::pg_catalog.int8
        OR pg_catalog.pg_stat_get_xact_tuples_updated(d.oid) OPERATOR(pg_catalog.>) 0::pg_catalog.int8
        OR pg_catalog.pg_stat_get_xact_tuples_deleted(d.oid) OPERATOR(pg_catalog.>) 0::pg_catalog.int8)
  THEN
    RAISE EXCEPTION 'a table that was written to has a trigger or constraint that may run at the end of the transaction, with more rights than its owner has'
      USING ERRCODE = 'insufficient_privilege';
  END IF;`

/** As the other role where that can be; a superuser hands them over. Nobody but the session's role and the other one may call them. */
function making(functions: readonly ConfinedFunction[], { me, isSuper }: Roles, role: string): string {
  const each = functions.flatMap(({ name, result, path, body }) => {
    const signature = `${name}(text, text[])`
    return [
      `CREATE FUNCTION ${name}(statement text, given text[]) RETURNS ${result} LANGUAGE plpgsql SECURITY DEFINER SET search_path = ${path.map(quoteIdentifier).join(', ')} AS ${quoteLiteral(body)}`,
      ...(isSuper ? [`ALTER FUNCTION ${signature} OWNER TO ${quoteIdentifier(role)}`] : []),
      `REVOKE ALL ON FUNCTION ${signature} FROM PUBLIC`,
      `GRANT EXECUTE ON FUNCTION ${signature} TO ${quoteIdentifier(me)}`,
    ]
  })
  return isSuper ? each.join(';\n') : [`SET ROLE ${quoteIdentifier(role)}`, ...each, 'RESET ROLE'].join(';\n')
}

/** All that makes a function what it is; undefined where there is none. */
async function stateOf(db: Queryable, { name }: ConfinedFunction): Promise<string | undefined> {
  const { rows } = await db.query<{ state: string }>(
    `SELECT p::pg_catalog.text AS state FROM pg_catalog.pg_proc p
      WHERE p.oid OPERATOR(pg_catalog.=) pg_catalog.to_regprocedure($1)::pg_catalog.oid`,
    [`${name}(pg_catalog.text, pg_catalog.text[])`],
  )
  return rows[0]?.state
}
