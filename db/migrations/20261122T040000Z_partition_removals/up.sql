-- Old partitions may be archived before they go; and a removal that was begun is known until it is done.
ALTER TABLE partitioned_tables DROP CONSTRAINT partitioned_tables_retention_check;
ALTER TABLE partitioned_tables ADD CONSTRAINT partitioned_tables_retention_check CHECK (retention IN ('detach', 'archive', 'drop'));
ALTER TABLE partitioned_tables ADD COLUMN archive_to text CHECK ((archive_to IS NULL) = (retention <> 'archive'));

COMMENT ON COLUMN partitioned_tables.retention IS 'What becomes of older ones: they are detached; detached, archived and dropped; or detached and dropped';
COMMENT ON COLUMN partitioned_tables.archive_to IS 'Folder that they are archived to';

CREATE TABLE partition_removals (
  id uuid PRIMARY KEY,
  relation text NOT NULL,
  partition text NOT NULL,
  how text NOT NULL CHECK (how IN ('drop', 'archive')),
  state text NOT NULL DEFAULT 'begun' CHECK (state IN ('begun', 'done', 'restored')),
  bounds text NOT NULL,
  archive text,
  rows bigint,
  sha256 text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX partition_removals_open ON partition_removals (relation, partition) WHERE state <> 'done';
CREATE INDEX partition_removals_relation ON partition_removals (relation, created_at);

COMMENT ON TABLE partition_removals IS 'Partitions that were taken from their tables and dropped, or are being so';
COMMENT ON COLUMN partition_removals.id IS 'UUIDv7';
COMMENT ON COLUMN partition_removals.relation IS 'Qualified name of the table, quoted where it has to be';
COMMENT ON COLUMN partition_removals.partition IS 'Name of the partition, in the schema of the table';
COMMENT ON COLUMN partition_removals.how IS 'drop, or archive and drop';
COMMENT ON COLUMN partition_removals.state IS 'begun, done, or restored from its archive';
COMMENT ON COLUMN partition_removals.bounds IS 'Its limits, as ATTACH PARTITION takes them';
COMMENT ON COLUMN partition_removals.archive IS 'Manifest of its archive';
COMMENT ON COLUMN partition_removals.rows IS 'Rows in the archive';
COMMENT ON COLUMN partition_removals.sha256 IS 'Of the archive file';
COMMENT ON COLUMN partition_removals.created_at IS 'When it was begun';
COMMENT ON COLUMN partition_removals.updated_at IS 'When something of this row changed last';
