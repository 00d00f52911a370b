/**
 * Code that says as whom it ran: a sequence for the role that it is of, and one for every other. Sequences count on also by what is
 * rolled back.
 */
export const REPORTING = `
  CREATE SEQUENCE theirs.as_low; CREATE SEQUENCE theirs.as_other;
  GRANT ALL ON ALL SEQUENCES IN SCHEMA theirs TO PUBLIC; GRANT USAGE ON SCHEMA theirs TO PUBLIC;
  CREATE FUNCTION theirs.report() RETURNS void LANGUAGE plpgsql AS $f$
    BEGIN PERFORM pg_catalog.nextval(CASE current_user WHEN 'low' THEN 'theirs.as_low'::pg_catalog.regclass ELSE 'theirs.as_other'::pg_catalog.regclass END);
    EXCEPTION WHEN read_only_sql_transaction THEN IF current_user <> 'low' THEN RAISE EXCEPTION 'sprung as %', current_user; END IF; END $f$;
  CREATE FUNCTION theirs.same(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN PERFORM theirs.report(); RETURN n; END $f$;
  CREATE FUNCTION theirs.fine(n int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN PERFORM theirs.report(); RETURN true; END $f$;
  CREATE FUNCTION theirs.words(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN PERFORM theirs.report(); RETURN t; END $f$`

/** How often it ran as the one, and as others. */
export const REPORTED = `SELECT CASE WHEN l.is_called THEN l.last_value ELSE 0 END::int AS low,
  CASE WHEN o.is_called THEN o.last_value ELSE 0 END::int AS other FROM theirs.as_low l, theirs.as_other o`
