/** What a session must be able to do, in libpq's words (`target_session_attrs`). */
export const TARGETS = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const

export type TargetSessionAttrs = (typeof TARGETS)[number]

/** What a server said about itself. */
export interface Role {
  readonly isStandby: boolean
  /** Its transactions may not write: it is a standby, or was told so (`default_transaction_read_only`). */
  readonly isReadOnly: boolean
}

/** Columns that tell the {@link Role}. A demoted primary still answers `SELECT 1`. */
export const ROLE_COLUMNS = `pg_catalog.pg_is_in_recovery() AS standby, pg_catalog.current_setting('transaction_read_only') OPERATOR(pg_catalog.=) 'on'::pg_catalog.text AS "readOnly"`

/** Reads a row of {@link ROLE_COLUMNS}. */
export function readRole(row: { standby?: unknown; readOnly?: unknown } | undefined): Role {
  return { isStandby: row?.standby === true, isReadOnly: row?.readOnly === true }
}

export function fits(target: TargetSessionAttrs, { isStandby, isReadOnly }: Role): boolean {
  switch (target) {
    case 'read-write':
      return !isStandby && !isReadOnly
    case 'read-only':
      return isStandby || isReadOnly
    case 'primary':
      return !isStandby
    case 'standby':
    case 'prefer-standby':
      return isStandby
    case 'any':
      return true
  }
}

/** What a server is, for messages. */
export function roleInWords({ isStandby, isReadOnly }: Role): string {
  if (isStandby) return 'is a standby'
  return isReadOnly ? 'takes no writes' : 'is a primary'
}
