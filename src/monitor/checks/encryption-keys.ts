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
  run: async ({ db, clock = systemClock }) => {
    const shown = await db.certificates?.()
    return shown?.length ? shown.flatMap((one) => judge(one, clock.now())) : null
  },
}

const WHOSE: Readonly<
  Record<ConnectionCertificate['of'], { readonly lost: string; readonly action: string }>
> = {
  server: {
    lost: "Whoever checks the server's certificate cannot connect",
    action:
      'Renew it, with its key, where whoever ends the encryption reads them: ssl_cert_file and ssl_key_file of the server, followed by SELECT pg_reload_conf(), or those of the pooler in front of it.',
  },
  authority: {
    lost: "Who trusts the server's certificate by this authority alone cannot connect",
    action:
      'Renew the authority, give it to those who connect (sslrootcert), and have it sign a new certificate.',
  },
  client: {
    lost: 'This service cannot connect where its own certificate is asked for',
    action: 'Put a new certificate and its key where sslcert and sslkey point, and restart the service.',
  },
}

function judge(certificate: ConnectionCertificate, now: number): Found[] {
  const { of, name, issuer, validFrom, validTo, isVerified } = certificate
  const left = validTo.getTime() - now
  const life = validTo.getTime() - validFrom.getTime()
  if (left > Math.min(MOST_NOTICE_MS, life * NOTICE_SHARE)) return []
  // One that has run out, and is sent along, is not what this connection is trusted by.
  if (of === 'authority' && left <= 0 && isVerified) return []
  const { lost, action } = WHOSE[of]
  return [
    {
      severity: left <= 0 && of !== 'authority' ? 'error' : 'warning',
      confidence: of === 'authority' ? 'likely' : 'certain',
      subject: name,
      message:
        left <= 0
          ? `${lost}: it ran out ${formatDuration(-left)} ago.`
          : `${lost} any more in ${formatDuration(left)}: it runs out then.`,
      evidence: { of, issuer, valid_from: validFrom.toISOString(), valid_to: validTo.toISOString() },
      action,
      sql: null,
    },
  ]
}
