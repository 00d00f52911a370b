/** Of `pg_stat_activity` as a: sessions of clients, not parallel workers and their like. What a session is may be hidden from a role. */
export const CLIENT_SESSION = `(a.backend_type = 'client backend' OR a.backend_type IS NULL AND a.datname IS NOT NULL)`

/** The same, of this database, and of others than the one that asks. */
export const OTHER_SESSION = `${CLIENT_SESSION} AND a.datname = current_database() AND a.pid <> pg_backend_pid()`
