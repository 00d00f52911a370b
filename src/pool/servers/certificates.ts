import type pg from 'pg'
import type { DetailedPeerCertificate, PeerCertificate, TLSSocket } from 'node:tls'
import { driverOf } from '../driver.ts'

/** A certificate that an encrypted connection depends on. */
export interface ConnectionCertificate {
  /** Who shows it: the server, who signed the server's, or this side. */
  readonly of: 'server' | 'authority' | 'client'
  /** Its common name, or what stands in its place. */
  readonly name: string
  readonly issuer: string
  readonly validFrom: Date
  readonly validTo: Date
  /** Whether this connection checked who the server is, and found it right. */
  readonly isVerified: boolean
}

/**
 * Those that this connection was made with; none where it is not encrypted. Authorities are those that the server sends, and those it was
 * checked with. Whether they are right is the connection's business.
 */
export function certificatesOf(client: pg.ClientBase): ConnectionCertificate[] {
  const stream = driverOf(client as pg.Client).connection.stream as unknown as Partial<TLSSocket>
  const isVerified = stream.authorized === true
  const found: ConnectionCertificate[] = []
  const seen = new Set<string>()
  let next: DetailedPeerCertificate | undefined = stream.getPeerCertificate?.(true)
  while (next?.valid_to && !seen.has(next.fingerprint256)) {
    found.push({ ...pictureOf(next), of: seen.size === 0 ? 'server' : 'authority', isVerified })
    seen.add(next.fingerprint256)
    next = next.issuerCertificate
  }
  const own = stream.getCertificate?.() as PeerCertificate | undefined
  if (own?.valid_to) found.push({ ...pictureOf(own), of: 'client', isVerified })
  return found
}

function pictureOf(shown: PeerCertificate): Omit<ConnectionCertificate, 'of' | 'isVerified'> {
  return {
    name: nameOf(shown.subject) ?? shown.fingerprint256,
    issuer: nameOf(shown.issuer) ?? '',
    validFrom: new Date(shown.valid_from),
    validTo: new Date(shown.valid_to),
  }
}

function nameOf(who: PeerCertificate['subject'] | undefined): string | undefined {
  return [who?.CN ?? who?.O ?? []].flat()[0]
}
