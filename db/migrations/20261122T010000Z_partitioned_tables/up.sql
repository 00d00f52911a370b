-- Tables whose partitions are kept: made ahead of time, and taken away when they are old.
CREATE TABLE partitioned_tables (
  relation text PRIMARY KEY,
  every text NOT NULL CHECK (every ~ '^(hour|day|month|year|[1-9][0-9]{0,18})$'),
  premake integer NOT NULL CHECK (premake BETWEEN 1 AND 1000),
  keep integer CHECK (keep > 0),
  retention text NOT NULL CHECK (retention IN ('detach', 'drop')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  maintained_at timestamptz,
  last_error text
);

COMMENT ON TABLE partitioned_tables IS 'Tables whose partitions are kept, and how';
COMMENT ON COLUMN partitioned_tables.relation IS 'Qualified name of the table, quoted where it has to be';
COMMENT ON COLUMN partitioned_tables.every IS 'How long a partition is: a part of the calendar in UTC, or so many of an integer key';
COMMENT ON COLUMN partitioned_tables.premake IS 'Partitions that are made ahead of the current one';
COMMENT ON COLUMN partitioned_tables.keep IS 'Partitions that are kept behind the current one; NULL keeps all';
COMMENT ON COLUMN partitioned_tables.retention IS 'What becomes of older ones: they are detached, or detached and dropped';
COMMENT ON COLUMN partitioned_tables.maintained_at IS 'When its partitions were looked after last';
COMMENT ON COLUMN partitioned_tables.last_error IS 'Why that failed';
COMMENT ON COLUMN partitioned_tables.created_at IS 'When it was put under upkeep';
COMMENT ON COLUMN partitioned_tables.updated_at IS 'When somebody last said how it is kept';
