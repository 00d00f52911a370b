import { formatDuration, systemClock } from '../../core/index.ts'
import type { ConnectionCertificate } from '../../pool/index.ts'
import type { Check, Found } from '../finding.ts'

const DAY_MS = 86_400_000
/** Certificates for a year or more are renewed by people, who need a month; those for days by programs, at the end of their life. */
const MOST_NOTICE_MS = 30 * DAY_MS
const NOTICE_SHARE = 0.1

/** Keys are renewed before they run out. */
export const encryptionKeys: Check = {
  id: 'encryption-keys',
  category: 'security',
  good: 'no certificate of the connection runs out soon',
  why: 'With a certificate that has run out nobody connects any more, all at the same second.',
  run: async ({ certificates, clock = systemClock }) => {
    const shown = await certificates?.()
    return shown?.length ? shown.flatMap((one) => judge(one, clock.now())) : null
  },
}

const WHOSE: Readonly<
  Record<ConnectionCertificate['of'], { readonly lost: string; readonly action: string }>
> = {
  server: {
    lost: "Whoever checks the server's certificate cannot connect",
    action:
      'Put a new certificate and its key where ssl_cert_file and ssl_key_file point, then, as a superuser:',
  },
  authority: {
    lost: "Whoever checks the server's certificate cannot connect, for the authority that signed it is not trusted",
    action:
      'Renew the authority, give it to those who connect (sslrootcert), and have it sign a new certificate.',
  },
  client: {
    lost: 'This service cannot connect where its own certificate is asked for',
    action: 'Put a new certificate and its key where sslcert and sslkey point, and restart the service.',
  },
}

function judge({ of, name, issuer, validFrom, validTo }: ConnectionCertificate, now: number): Found[] {
  const left = validTo.getTime() - now
  const life = validTo.getTime() - validFrom.getTime()
  if (left > Math.min(MOST_NOTICE_MS, life * NOTICE_SHARE)) return []
  const { lost, action } = WHOSE[of]
  return [
    {
      severity: left <= 0 ? 'error' : 'warning',
      subject: name,
      message:
        left <= 0
          ? `${lost}: it ran out ${formatDuration(-left)} ago.`
          : `${lost} any more in ${formatDuration(left)}: it runs out then.`,
      evidence: { of, issuer, valid_from: validFrom.toISOString(), valid_to: validTo.toISOString() },
      action,
      sql: of === 'server' ? 'SELECT pg_reload_conf();' : null,
    },
  ]
}
