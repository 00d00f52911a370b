-- How far each backfill is: written with every batch, in the batch's own transaction.
CREATE TABLE backfills (
  migration_id text PRIMARY KEY,
  relation text NOT NULL,
  key text NOT NULL,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'paused', 'done', 'failed')),
  position text,
  rows_done bigint NOT NULL DEFAULT 0,
  rows_estimated bigint,
  batches bigint NOT NULL DEFAULT 0,
  held_back_by text,
  error text,
  worker text,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz
);

COMMENT ON TABLE backfills IS 'Backfills of migrations, and how far each is';
COMMENT ON COLUMN backfills.migration_id IS 'Name of the migration folder';
COMMENT ON COLUMN backfills.relation IS 'Table that is gone through, as its backfill.ts names it';
COMMENT ON COLUMN backfills.key IS 'Column that it is gone through by';
COMMENT ON COLUMN backfills.state IS 'pending, running, paused by somebody, done, or failed';
COMMENT ON COLUMN backfills.position IS 'Key of the last row that was done, as text';
COMMENT ON COLUMN backfills.rows_done IS 'Rows that were gone through';
COMMENT ON COLUMN backfills.rows_estimated IS 'Rows of the table as pg_class estimated them when it began';
COMMENT ON COLUMN backfills.batches IS 'Transactions that it took so far';
COMMENT ON COLUMN backfills.held_back_by IS 'What it waits for: replica lag, load, its own limit';
COMMENT ON COLUMN backfills.error IS 'Why it failed';
COMMENT ON COLUMN backfills.worker IS 'Who runs it: operating system user, host and process';
COMMENT ON COLUMN backfills.created_at IS 'When its migration was applied';
COMMENT ON COLUMN backfills.started_at IS 'When the first batch began';
COMMENT ON COLUMN backfills.updated_at IS 'When something of this row changed last';
COMMENT ON COLUMN backfills.finished_at IS 'When the last batch ended';
