import { quoteWhereNeeded } from '../../core/index.ts'
import { type Check, type CheckContext, CHANGE, type Found } from '../finding.ts'

type Row = {
  readonly superuser: boolean
  readonly bypass: boolean
  readonly tls: boolean | null
  readonly local: boolean
  readonly encryption: string
  readonly open: boolean
}

/** Who may do what, and who may listen. */
export const security: Check = {
  id: 'security',
  category: 'security',
  scope: 'production',
  good: 'the role has no more rights than it needs, and nobody listens',
  why: 'A fault in the service does as much harm as its role may do.',
  run: async (context) => {
    const { rows } = await context.db.query<Row>(`
      SELECT r.rolsuper AS superuser, r.rolbypassrls AS bypass,
             (SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_backend_pid()) AS tls,
             inet_client_addr() IS NULL OR inet_client_addr() <<= '127.0.0.0/8' OR inet_client_addr() = '::1' AS local,
             current_setting('password_encryption') AS encryption,
             EXISTS (SELECT FROM pg_catalog.pg_namespace n, aclexplode(n.nspacl) a
                      WHERE n.nspname = 'public' AND a.grantee = 0 AND a.privilege_type = 'CREATE') AS open
        FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`)
    return rows.flatMap((row) => judge(row, context))
  },
}

function judge(
  { superuser, bypass, tls, local, encryption, open }: Row,
  { identity }: CheckContext,
): Found[] {
  const { user } = identity
  const found: (Found | false)[] = [
    superuser && {
      severity: 'warning',
      subject: user,
      message: `A fault in the service may do anything to the server: "${user}" is a superuser.`,
      evidence: { role: user, superuser },
      action: 'Give the service a role of its own with what it needs: holdfast access plan',
      sql: null,
    },
    bypass &&
      !superuser && {
        severity: 'warning',
        subject: user,
        message: `Row security does not hold for "${user}": it may bypass it.`,
        evidence: { role: user, bypass },
        action: 'Take it away, as a superuser:',
        sql: `ALTER ROLE ${quoteWhereNeeded(user)} NOBYPASSRLS;`,
      },
    tls === false &&
      !local && {
        severity: 'error',
        subject: 'ssl',
        message: 'Whoever is on the network may read along: this connection is not encrypted.',
        evidence: { tls, address: identity.address },
        action: 'Turn ssl on at the server, and say sslmode=verify-full in DATABASE_URL.',
        sql: null,
      },
    encryption === 'md5' && {
      severity: 'warning',
      subject: 'password_encryption',
      message: 'A stolen pg_authid is as good as the passwords: new ones are kept as MD5.',
      evidence: { password_encryption: encryption },
      action: `${CHANGE} Then have the passwords set anew.`,
      sql: `ALTER SYSTEM SET password_encryption = 'scram-sha-256';`,
    },
    open && {
      severity: 'warning',
      subject: 'public',
      message:
        'Any role may put a function where others call it by its bare name: everybody may create in schema public.',
      evidence: { schema: 'public', grantee: 'PUBLIC' },
      action: 'Take it away, as its owner:',
      sql: 'REVOKE CREATE ON SCHEMA public FROM PUBLIC;',
    },
  ]
  return found.filter((one) => one !== false)
}
