-- What changed or destroyed something: who, what, when. Append-only, enforced below for everyone but whoever
-- may drop the trigger itself.
CREATE TABLE operations (
  id uuid PRIMARY KEY,
  occurred_at timestamptz NOT NULL DEFAULT now(),
  action text NOT NULL CHECK (action ~ '^[a-z_]+\.[a-z_]+$'),
  subject text NOT NULL,
  actor text NOT NULL,
  database_user text NOT NULL DEFAULT current_user,
  details jsonb NOT NULL DEFAULT '{}'
);

CREATE INDEX operations_occurred_at ON operations (occurred_at DESC);

COMMENT ON TABLE operations IS 'Actions that changed or destroyed something; append-only';
COMMENT ON COLUMN operations.id IS 'UUIDv7, made by the application';
COMMENT ON COLUMN operations.occurred_at IS 'Begin of the transaction that recorded it';
COMMENT ON COLUMN operations.action IS 'noun.verb, as schema.install';
COMMENT ON COLUMN operations.subject IS 'What it was done to';
COMMENT ON COLUMN operations.actor IS 'Who did it: an operating system user and host, or a console role';
COMMENT ON COLUMN operations.database_user IS 'Database role that recorded it';
COMMENT ON COLUMN operations.details IS 'Anything needed to understand it later; never a secret';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;

COMMENT ON FUNCTION refuse_change() IS 'Trigger of append-only tables: refuses UPDATE, DELETE and TRUNCATE';

CREATE TRIGGER operations_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON operations
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
