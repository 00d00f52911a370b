-- Conversions of tables into partitioned ones: each step is written down before and after, so that any of them can be gone on with.
CREATE TABLE partition_conversions (
  id uuid PRIMARY KEY,
  relation text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('attach', 'split')),
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'aborting', 'done', 'aborted', 'undone')),
  plan jsonb NOT NULL,
  step text,
  step_done boolean NOT NULL DEFAULT false,
  rows_done bigint NOT NULL DEFAULT 0,
  position jsonb,
  notes jsonb NOT NULL DEFAULT '[]',
  error text,
  started_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  undo_until timestamptz
);

CREATE UNIQUE INDEX partition_conversions_running ON partition_conversions (relation) WHERE state IN ('running', 'aborting');
CREATE INDEX partition_conversions_relation ON partition_conversions (relation, created_at);

COMMENT ON TABLE partition_conversions IS 'Conversions of tables into partitioned ones, and how far each is';
COMMENT ON COLUMN partition_conversions.id IS 'UUIDv7';
COMMENT ON COLUMN partition_conversions.relation IS 'Qualified name of the table, quoted where it has to be';
COMMENT ON COLUMN partition_conversions.kind IS 'attach: the old table became a partition; split: its rows were copied into partitions';
COMMENT ON COLUMN partition_conversions.state IS 'running (also when nobody is at it just now), aborting, done, aborted, or undone';
COMMENT ON COLUMN partition_conversions.plan IS 'What was planned, as partition plan prints it';
COMMENT ON COLUMN partition_conversions.step IS 'The last step that was begun';
COMMENT ON COLUMN partition_conversions.step_done IS 'Whether it was ended, too';
COMMENT ON COLUMN partition_conversions.rows_done IS 'Rows that were copied';
COMMENT ON COLUMN partition_conversions.position IS 'Primary key of the last row that was copied';
COMMENT ON COLUMN partition_conversions.notes IS 'What proving it found';
COMMENT ON COLUMN partition_conversions.error IS 'Why the last attempt ended';
COMMENT ON COLUMN partition_conversions.started_by IS 'Operating system user, host and process';
COMMENT ON COLUMN partition_conversions.created_at IS 'When it began';
COMMENT ON COLUMN partition_conversions.updated_at IS 'When something of this row changed last';
COMMENT ON COLUMN partition_conversions.finished_at IS 'When it was done, aborted or undone';
COMMENT ON COLUMN partition_conversions.undo_until IS 'Until when the old table is kept up to date';
