-- What monitoring saw, in steps of a minute, ten minutes and an hour: many figures in one row, so that a day is few rows. Upkeep of
-- partitions takes old ones away; the default partitions are for whoever may not make any.

CREATE TABLE history_minutes (
  at timestamptz NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  instance text NOT NULL,
  keys text[] NOT NULL,
  fields text[] NOT NULL,
  figures float8[] NOT NULL,
  PRIMARY KEY (source, kind, at, instance)
) PARTITION BY RANGE (at);
CREATE TABLE history_minutes_default PARTITION OF history_minutes DEFAULT;

COMMENT ON TABLE history_minutes IS 'What monitoring saw, in steps of a minute';
COMMENT ON COLUMN history_minutes.at IS 'Begin of the step';
COMMENT ON COLUMN history_minutes.source IS 'System identifier and name of the database that was looked at';
COMMENT ON COLUMN history_minutes.kind IS 'database, process, statements or tables';
COMMENT ON COLUMN history_minutes.instance IS 'Process that the figures are of; empty where they are of the database';
COMMENT ON COLUMN history_minutes.keys IS 'What the figures are of: names of series, fingerprints of statements, names of tables; empty: all others';
COMMENT ON COLUMN history_minutes.fields IS 'Name of each figure and how steps of it become a longer one: name:sum, :mean, :max, :last';
COMMENT ON COLUMN history_minutes.figures IS 'Field by field, a figure for each key; NULL where it was not known';

CREATE TABLE history_ten_minutes (LIKE history_minutes INCLUDING ALL) PARTITION BY RANGE (at);
CREATE TABLE history_ten_minutes_default PARTITION OF history_ten_minutes DEFAULT;
COMMENT ON TABLE history_ten_minutes IS 'What monitoring saw, in steps of ten minutes';

CREATE TABLE history_hours (LIKE history_minutes INCLUDING ALL) PARTITION BY RANGE (at);
CREATE TABLE history_hours_default PARTITION OF history_hours DEFAULT;
COMMENT ON TABLE history_hours IS 'What monitoring saw, in steps of an hour';

CREATE TABLE statement_texts (
  fingerprint text PRIMARY KEY,
  text text NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE statement_texts IS 'Texts of the statements in the history, each once';
COMMENT ON COLUMN statement_texts.fingerprint IS 'The same for statements that differ only in their values and layout';
COMMENT ON COLUMN statement_texts.text IS 'With $1 and so on for values';
COMMENT ON COLUMN statement_texts.seen_at IS 'Day on which it was seen last, or a little before';
