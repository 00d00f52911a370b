-- What was not as a rule wants it, who was told, and what nobody wants to be told of. What is to be told is written down before it is
-- sent: it outlives the process.

CREATE TABLE alerts (
  id uuid PRIMARY KEY,
  source text NOT NULL,
  rule text NOT NULL,
  instance text NOT NULL,
  severity text NOT NULL CHECK (severity IN ('warning', 'error')),
  metric text NOT NULL,
  value float8,
  threshold float8,
  message text NOT NULL,
  action text NOT NULL,
  since timestamptz NOT NULL,
  fired_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  told_at timestamptz,
  told_severity text,
  acknowledged_at timestamptz,
  acknowledged_by text,
  resolved_at timestamptz
);
CREATE UNIQUE INDEX alerts_open ON alerts (source, rule, instance) WHERE resolved_at IS NULL;
CREATE INDEX alerts_by_time ON alerts (source, fired_at DESC, id DESC);

COMMENT ON TABLE alerts IS 'What was not as a rule wants it';
COMMENT ON COLUMN alerts.id IS 'UUIDv7';
COMMENT ON COLUMN alerts.source IS 'System identifier and name of the database that was looked at';
COMMENT ON COLUMN alerts.rule IS 'Name of the rule';
COMMENT ON COLUMN alerts.instance IS 'Process that it is about; empty where it is about the database';
COMMENT ON COLUMN alerts.severity IS 'warning or error, as it was last';
COMMENT ON COLUMN alerts.metric IS 'What the rule watches';
COMMENT ON COLUMN alerts.value IS 'As it was last while it was wrong; NULL where there was none';
COMMENT ON COLUMN alerts.threshold IS 'What the value passed; NULL for absence';
COMMENT ON COLUMN alerts.message IS 'What it means, and the value';
COMMENT ON COLUMN alerts.action IS 'What to do';
COMMENT ON COLUMN alerts.since IS 'Since when it was so';
COMMENT ON COLUMN alerts.fired_at IS 'When it had been so for long enough';
COMMENT ON COLUMN alerts.seen_at IS 'When whoever watches said last that it is still so';
COMMENT ON COLUMN alerts.told_at IS 'When somebody was told of it last; NULL where it was silenced all the time';
COMMENT ON COLUMN alerts.told_severity IS 'The severity that was told';
COMMENT ON COLUMN alerts.acknowledged_at IS 'When somebody said that they know';
COMMENT ON COLUMN alerts.acknowledged_by IS 'Who did';
COMMENT ON COLUMN alerts.resolved_at IS 'When it was over; NULL while it is not';

CREATE TABLE alert_silences (
  id uuid PRIMARY KEY,
  source text NOT NULL,
  rule text,
  instance text,
  reason text NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL
);
CREATE INDEX alert_silences_by_end ON alert_silences (source, ends_at);

COMMENT ON TABLE alert_silences IS 'What nobody wants to be told of for a while';
COMMENT ON COLUMN alert_silences.id IS 'UUIDv7';
COMMENT ON COLUMN alert_silences.source IS 'System identifier and name of the database';
COMMENT ON COLUMN alert_silences.rule IS 'Name of the rule; NULL for all';
COMMENT ON COLUMN alert_silences.instance IS 'Process; NULL for all, and for the database';
COMMENT ON COLUMN alert_silences.reason IS 'Why';
COMMENT ON COLUMN alert_silences.created_by IS 'Who did it';
COMMENT ON COLUMN alert_silences.created_at IS 'When';
COMMENT ON COLUMN alert_silences.ends_at IS 'Until when; moved to now when it is lifted';

CREATE TABLE alert_deliveries (
  id uuid PRIMARY KEY,
  source text NOT NULL,
  channel text NOT NULL,
  alert uuid,
  topic text,
  notification jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  attempts int NOT NULL DEFAULT 0,
  held_until timestamptz NOT NULL,
  error text,
  delivered_at timestamptz,
  failed_at timestamptz,
  UNIQUE (source, channel, topic)
);
CREATE INDEX alert_deliveries_waiting ON alert_deliveries (source, held_until) WHERE delivered_at IS NULL AND failed_at IS NULL;
CREATE INDEX alert_deliveries_by_time ON alert_deliveries (source, created_at);

COMMENT ON TABLE alert_deliveries IS 'What is to be told, and whether it was';
COMMENT ON COLUMN alert_deliveries.id IS 'UUIDv7';
COMMENT ON COLUMN alert_deliveries.source IS 'System identifier and name of the database';
COMMENT ON COLUMN alert_deliveries.channel IS 'webhook, slack, email or log';
COMMENT ON COLUMN alert_deliveries.alert IS 'What it is about; NULL for a digest';
COMMENT ON COLUMN alert_deliveries.topic IS 'What is to be told once only, as digests of a day; NULL otherwise';
COMMENT ON COLUMN alert_deliveries.notification IS 'What is told';
COMMENT ON COLUMN alert_deliveries.created_at IS 'When it was made';
COMMENT ON COLUMN alert_deliveries.attempts IS 'How often it was tried';
COMMENT ON COLUMN alert_deliveries.held_until IS 'Until then a process is at it; after that another one may take it';
COMMENT ON COLUMN alert_deliveries.error IS 'Why it did not work last';
COMMENT ON COLUMN alert_deliveries.delivered_at IS 'When the other side took it';
COMMENT ON COLUMN alert_deliveries.failed_at IS 'When it was given up';
