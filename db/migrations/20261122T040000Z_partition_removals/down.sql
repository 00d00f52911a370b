DROP TABLE partition_removals;
ALTER TABLE partitioned_tables DROP COLUMN archive_to;
ALTER TABLE partitioned_tables DROP CONSTRAINT partitioned_tables_retention_check;
UPDATE partitioned_tables SET retention = 'detach' WHERE retention = 'archive';
ALTER TABLE partitioned_tables ADD CONSTRAINT partitioned_tables_retention_check CHECK (retention IN ('detach', 'drop'));
