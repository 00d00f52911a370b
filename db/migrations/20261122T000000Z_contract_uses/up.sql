-- Statements that still use what a waiting contract migration removes: a count that does not rise for the grace
-- time is a use that is over.
CREATE TABLE contract_uses (
  migration_id text NOT NULL,
  query_id bigint NOT NULL,
  calls bigint NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (migration_id, query_id)
);

COMMENT ON TABLE contract_uses IS 'How often statements ran that use what a contract migration removes';
COMMENT ON COLUMN contract_uses.migration_id IS 'Name of the migration folder';
COMMENT ON COLUMN contract_uses.query_id IS 'queryid of pg_stat_statements';
COMMENT ON COLUMN contract_uses.calls IS 'Calls in this database when it was looked at last';
COMMENT ON COLUMN contract_uses.changed_at IS 'When the number of calls was first seen';
