DROP TABLE partitioned_tables;
