import type pg from 'pg'
import type { TLSSocket } from 'node:tls'
import { driverOf } from '../driver.ts'

/** What a server shows of itself to those who connect encrypted. */
export interface ServerCertificate {
  /** Its common name, or what stands in its place. */
  readonly name: string
  readonly issuer: string
  readonly validFrom: Date
  readonly validTo: Date
}

/** The one that this connection was shown; undefined where it is not encrypted. Who checks it is the connection's business. */
export function certificateOf(client: pg.ClientBase): ServerCertificate | undefined {
  const stream = driverOf(client as pg.Client).connection.stream as unknown as Partial<TLSSocket>
  const shown = stream.getPeerCertificate?.()
  if (!shown?.valid_to) return undefined
  return {
    name: nameOf(shown.subject) ?? shown.fingerprint256,
    issuer: nameOf(shown.issuer) ?? '',
    validFrom: new Date(shown.valid_from),
    validTo: new Date(shown.valid_to),
  }
}

function nameOf(
  who: { readonly CN?: string | string[]; readonly O?: string | string[] } | undefined,
): string | undefined {
  return [who?.CN ?? who?.O ?? []].flat()[0]
}
