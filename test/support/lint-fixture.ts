/** What is there before each statement, with rows in it. */
export const FIXTURE = `
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN anything AS int;
CREATE FUNCTION steady() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 7';
CREATE FUNCTION shaky() RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN 7; END';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE PROCEDURE tidy() LANGUAGE sql AS 'SELECT 1';
CREATE TABLE teams (id int PRIMARY KEY, title text NOT NULL);
INSERT INTO teams SELECT n, 'team ' || n FROM generate_series(1, 200) n;
CREATE TABLE users (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email varchar(50) NOT NULL, name text, nick varchar, age int,
  score numeric(10, 2), made timestamp, made_tz timestamptz, made_3 timestamp(3), net cidr, data jsonb, feel mood,
  team_id int, proven int, unproven int, code char(3), flags varbit(8), bits bit(4), span interval, at time(3),
  ref oid, small smallint, real_one real, tags text[], twice int GENERATED ALWAYS AS (7 * 2) STORED,
  CONSTRAINT users_proven CHECK (proven IS NOT NULL AND proven > 0), CONSTRAINT users_age CHECK (age > 0),
  label varchar(20) CHECK (label <> ''));
INSERT INTO users (email, name, nick, age, score, made, made_tz, made_3, net, data, feel, team_id, proven, unproven, code, flags, bits, span, at, ref, small, real_one)
  SELECT n || '@x', 'n', 'k', 5, 1.5, now(), now(), now(), '10.0.0.0/8', '{}', 'ok', 1 + n % 200, 1, 1, 'abc', '101', '1010', '1 day', '10:00', 5, 1, 1 FROM generate_series(1, 500) n;
ALTER TABLE users ADD CONSTRAINT users_unproven CHECK (unproven IS NOT NULL) NOT VALID;
ALTER TABLE users ADD CONSTRAINT users_team FOREIGN KEY (team_id) REFERENCES teams NOT VALID;
CREATE UNIQUE INDEX users_email ON users (email);
CREATE UNIQUE INDEX users_age_code ON users (age, id);
CREATE INDEX users_name ON users (name);
CREATE TRIGGER users_touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TABLE orders (id int PRIMARY KEY, user_id bigint NOT NULL, team_id int REFERENCES teams, total numeric, place int NOT NULL);
INSERT INTO orders SELECT n, n, 1, 5, n FROM generate_series(1, 500) n;
CREATE UNIQUE INDEX orders_place ON orders (place);
CREATE TABLE keyless (a int NOT NULL, b int);
INSERT INTO keyless SELECT n, n FROM generate_series(1, 200) n;
CREATE UNIQUE INDEX keyless_a ON keyless (a);
CREATE UNIQUE INDEX keyless_b ON keyless (b);
CREATE TABLE secrets (id int, owner text);
CREATE TABLE guarded (id int, owner text);
CREATE POLICY own ON guarded USING (owner = current_user);
CREATE UNLOGGED TABLE scratchpad (n int);
CREATE TABLE logs (at date NOT NULL, line text) PARTITION BY RANGE (at);
CREATE TABLE logs_01 PARTITION OF logs FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
INSERT INTO logs SELECT '2026-01-02', n FROM generate_series(1, 200) n;
CREATE TABLE logs_02 (at date NOT NULL, line text, CONSTRAINT logs_02_bound CHECK (at >= '2026-02-01' AND at < '2026-03-01'));
CREATE TABLE logs_03 (at date NOT NULL, line text);
CREATE TABLE logs_04 (at date NOT NULL, line text);
INSERT INTO logs_02 SELECT '2026-02-02', n FROM generate_series(1, 200) n;
INSERT INTO logs_03 SELECT '2026-03-02', n FROM generate_series(1, 200) n;
INSERT INTO logs_04 SELECT '2026-04-02', n FROM generate_series(1, 200) n;
ALTER TABLE logs_04 ADD CONSTRAINT logs_04_bound CHECK (at >= '2026-04-01' AND at < '2026-05-01') NOT VALID;
CREATE TABLE logs_06 (LIKE logs, CONSTRAINT logs_06_bound CHECK (at >= '2026-06-01' AND at < '2026-07-01'));
CREATE INDEX logs_line ON logs (line);
CREATE INDEX ON logs_02 (line);
CREATE INDEX ON logs_03 (line);
CREATE INDEX ON logs_04 (line);
CREATE TABLE events (kind text NOT NULL, n int) PARTITION BY LIST (kind);
CREATE TABLE events_a PARTITION OF events FOR VALUES IN ('a');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
INSERT INTO events SELECT 'z', n FROM generate_series(1, 200) n;
CREATE TABLE events_b (kind text NOT NULL CHECK (kind IN ('b')), n int);
CREATE TABLE regions (kind text NOT NULL, n int) PARTITION BY LIST (kind);
CREATE TABLE regions_b (kind text NOT NULL CHECK (kind IN ('b', 'c')), n int);
CREATE TABLE ages (age positive);
CREATE VIEW adults AS SELECT id, title FROM teams WHERE id > 17;
CREATE RULE quiet AS ON UPDATE TO keyless WHERE false DO INSTEAD NOTHING;
CREATE MATERIALIZED VIEW totals AS SELECT user_id, sum(total) AS total FROM orders GROUP BY user_id;
CREATE UNIQUE INDEX totals_user ON totals (user_id);
CREATE MATERIALIZED VIEW plain AS SELECT title FROM teams;
CREATE SEQUENCE numbers;
CREATE SCHEMA archive;
CREATE STATISTICS users_stats ON age, team_id FROM users;
ANALYZE`
