DROP TABLE alert_deliveries;
DROP TABLE alert_silences;
DROP TABLE alerts;
