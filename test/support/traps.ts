/** Functions and operators of the names that PostgreSQL's own have, and of types that fit better. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const SRC = new URL('../../src/', import.meta.url).pathname

/** Whatever stands before a parenthesis in the code: the catalog knows which of it are functions. */
const CALLED = [
  ...new Set(
    readdirSync(SRC, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .flatMap((path) => readFileSync(join(SRC, path), 'utf8').match(/\b[a-z_0-9]+(?=\()/g) ?? []),
  ),
]

/**
 * What a role that may create in a schema can plant there: each says in a file that it was called, and by whose arguments.
 * Planted by a superuser, so that it can say so whoever calls it.
 */
export const traps = (schema: string, file: string): string =>
  `
  CREATE FUNCTION public.sprung(what text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $f$
    BEGIN EXECUTE pg_catalog.format('COPY (SELECT %L) TO PROGRAM %L', what, 'cat >> ${file}'); END $f$;
  DO $do$
  DECLARE
    types text[] := ARRAY['name', 'text', 'oid', 'int4', 'int8', 'float8', '"char"', 'name[]', 'timestamptz'];
    fn record; a text; b text; c text; op text;
  BEGIN
    FOR fn IN SELECT DISTINCT ON (proname) proname AS name, format_type(prorettype, NULL) AS result FROM pg_catalog.pg_proc
               WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY ('{${CALLED.join(',')}}'::text[]) AND prokind = 'f'
                 AND prorettype NOT IN ('internal'::regtype, 'trigger'::regtype, 'anyelement'::regtype, 'anyarray'::regtype, 'record'::regtype) AND NOT proretset
    LOOP
      FOREACH a IN ARRAY types LOOP
        FOREACH b IN ARRAY types || ''::text LOOP
          FOREACH c IN ARRAY CASE WHEN b IN ('name', 'text') THEN ARRAY['', 'name', 'text', 'oid'] ELSE ARRAY[''] END LOOP
            BEGIN
              EXECUTE format('CREATE FUNCTION trapped.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN PERFORM public.sprung(%L); RETURN NULL; END $f$',
                fn.name, array_to_string(ARRAY[a, nullif(b, ''), nullif(c, '')], ', '), fn.result, fn.name || ' of ' || a || ' ' || b || ' ' || c);
            EXCEPTION WHEN others THEN NULL; -- not every result can be had so
            END;
          END LOOP;
        END LOOP;
      END LOOP;
    END LOOP;
    FOREACH op IN ARRAY ARRAY['=', '<>', '<', '>', '<=', '>=', '||', '+', '-', '*', '/', '~', '!~', '%'] LOOP
      FOREACH a IN ARRAY types LOOP
        FOREACH b IN ARRAY types LOOP
          BEGIN
            EXECUTE format('CREATE FUNCTION trapped.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN PERFORM public.sprung(%L); RETURN NULL; END $f$',
              'op_' || md5(op || a || b), a, b, CASE WHEN op IN ('||') THEN 'text' WHEN op IN ('+', '-', '*', '/', '%') THEN 'int8' ELSE 'bool' END, op || ' of ' || a || ' ' || b);
            EXECUTE format('CREATE OPERATOR trapped.%s (FUNCTION = trapped.%I, LEFTARG = %s, RIGHTARG = %s)', op, 'op_' || md5(op || a || b), a, b);
          EXCEPTION WHEN others THEN NULL;
          END;
        END LOOP;
      END LOOP;
    END LOOP;
  END $do$`.replaceAll('trapped.', `${schema}.`)
