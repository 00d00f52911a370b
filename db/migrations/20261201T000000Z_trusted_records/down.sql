ALTER TABLE alert_deliveries DROP COLUMN seal;
DROP TRIGGER operations_recorder ON operations;
DROP FUNCTION name_recorder();
