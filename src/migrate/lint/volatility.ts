/**
 * Functions that people put into defaults and that give another value with each row: with them ADD COLUMN writes the
 * whole table (pg_proc.provolatile = v; PostgreSQL 11 on). now() and its like are stable, and cost nothing.
 */
const VOLATILE = new Set([
  'random',
  'gen_random_uuid',
  'uuidv4',
  'uuidv7',
  'uuid_generate_v1',
  'uuid_generate_v1mc',
  'uuid_generate_v4',
  'clock_timestamp',
  'timeofday',
  'nextval',
  'setval',
  'txid_current',
  'pg_current_xact_id',
  'gen_random_bytes',
  'gen_salt',
  'random_normal',
  'pg_sleep',
])

/** Functions that are known to give the same value for a whole statement. */
const STABLE = new Set([
  'now',
  'transaction_timestamp',
  'statement_timestamp',
  'current_setting',
  'lower',
  'upper',
  'md5',
  'concat',
  'format',
  'coalesce',
  'to_jsonb',
  'jsonb_build_object',
  'json_build_object',
  'jsonb_build_array',
  'make_interval',
  'make_date',
  'date_trunc',
  'timezone',
  'to_char',
  'to_timestamp',
  'pg_backend_pid',
  'current_database',
  'current_schema',
  'txid_current_if_assigned',
  'length',
  'abs',
  'round',
  'array_length',
  'trim',
  'replace',
  'substring',
  'left',
  'right',
  'encode',
  'decode',
  'sha256',
  'hashtext',
  'inet_server_addr',
  'inet_client_addr',
  'uuid_nil',
  'empty_blob',
])

/** Whether a function may give another value with each call: yes, no, or nobody here knows. */
export function volatilityOf(name: string): 'volatile' | 'stable' | 'unknown' {
  if (VOLATILE.has(name)) return 'volatile'
  // CURRENT_TIMESTAMP, CURRENT_USER and the like come as SVFOP_*.
  return STABLE.has(name) || name.startsWith('SVFOP_') ? 'stable' : 'unknown'
}
