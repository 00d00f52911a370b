import { formatDuration, systemClock } from '../../core/index.ts'
import type { ServerCertificate } from '../../pool/index.ts'
import type { Check, Found } from '../finding.ts'

const DAY_MS = 86_400_000
/** Certificates for a year or more are renewed by people, who need a month; those for days by programs, at the end of their life. */
const MOST_NOTICE_MS = 30 * DAY_MS
const NOTICE_SHARE = 0.1

/** Keys are renewed before they run out. */
export const encryptionKeys: Check = {
  id: 'encryption-keys',
  category: 'security',
  good: "the server's certificate does not run out soon",
  why: 'Whoever checks a certificate that has run out does not connect any more, all at the same second.',
  run: async ({ certificate, clock = systemClock }) => {
    const shown = await certificate?.()
    return shown ? judge(shown, clock.now()) : null
  },
}

function judge({ name, issuer, validFrom, validTo }: ServerCertificate, now: number): Found[] {
  const left = validTo.getTime() - now
  const life = validTo.getTime() - validFrom.getTime()
  if (left > Math.min(MOST_NOTICE_MS, life * NOTICE_SHARE)) return []
  return [
    {
      severity: left <= 0 ? 'error' : 'warning',
      subject: name,
      message:
        left <= 0
          ? `Whoever checks the server's certificate cannot connect: it ran out ${formatDuration(-left)} ago.`
          : `Whoever checks the server's certificate cannot connect any more in ${formatDuration(left)}: it runs out then.`,
      evidence: { issuer, valid_from: validFrom.toISOString(), valid_to: validTo.toISOString() },
      action:
        'Put a new certificate and its key where ssl_cert_file and ssl_key_file point, then, as a superuser:',
      sql: 'SELECT pg_reload_conf();',
    },
  ]
}
