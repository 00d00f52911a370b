import type { Queryable, QueryResultRow } from '../../core/index.ts'

/** How many connections the server lets this role have. */
export interface Capacity {
  readonly maxConnections: number
  /** Kept for superusers and for `pg_use_reserved_connections`. */
  readonly reserved: number
  /** Limit of the role or of the database, whichever is less; undefined without one. */
  readonly roleLimit: number | undefined
}

const CAPACITY = `
  SELECT pg_catalog.current_setting('max_connections')::int AS max,
         pg_catalog.current_setting('superuser_reserved_connections')::int
           OPERATOR(pg_catalog.+) coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::int AS reserved,
         (SELECT CASE WHEN rolconnlimit OPERATOR(pg_catalog.<>) -1 THEN rolconnlimit END FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) current_user) AS role_limit,
         (SELECT CASE WHEN datconnlimit OPERATOR(pg_catalog.<>) -1 THEN datconnlimit END FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()) AS database_limit`

interface CapacityRow extends QueryResultRow {
  readonly max: number
  readonly reserved: number
  readonly role_limit: number | null
  readonly database_limit: number | null
}

/** Asks the server. */
export async function askCapacity(db: Queryable): Promise<Capacity> {
  const { rows } = await db.query<CapacityRow>(CAPACITY)
  const { max, reserved, role_limit, database_limit } = rows[0] as CapacityRow
  const limits = [role_limit, database_limit].filter((limit) => limit !== null)
  return { maxConnections: max, reserved, roleLimit: limits.length > 0 ? Math.min(...limits) : undefined }
}

/** What is left for ordinary roles. */
export function usable({ maxConnections, reserved, roleLimit }: Capacity): number {
  return Math.min(maxConnections - reserved, roleLimit ?? Number.POSITIVE_INFINITY)
}

/** What the processes may open, against what the server gives. */
export interface Fit {
  readonly wanted: number
  readonly usable: number
  readonly fits: boolean
  /** The sum, for people. */
  readonly arithmetic: string
}

/** @param processes how many have a pool like this */
export function fitOf(
  { size, overflow, processes }: { size: number; overflow: number; processes: number },
  capacity: Capacity,
): Fit {
  const wanted = (size + overflow) * processes
  const room = usable(capacity)
  const { maxConnections, reserved, roleLimit } = capacity
  const limited =
    roleLimit === undefined || roleLimit > maxConnections - reserved ? '' : `, limited to ${roleLimit}`
  return {
    wanted,
    usable: room,
    fits: wanted <= room,
    arithmetic: `(${size} + ${overflow}) connections x ${processes} ${processes === 1 ? 'process' : 'processes'} = ${wanted}, and the server gives ${room} (max_connections ${maxConnections} - ${reserved} reserved${limited})`,
  }
}
