DROP TABLE partition_conversions;
