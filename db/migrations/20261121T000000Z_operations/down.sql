DROP TABLE operations;
DROP FUNCTION refuse_change();
