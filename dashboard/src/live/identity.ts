import { signal } from '@preact/signals'
import { type Answer, ask } from '../api/client.ts'

type Identity = Answer<'GET /v1/database/health'>

/** Which database this is. Stays when it does not answer: it is still that one. */
export const identity = signal<Identity | undefined>(undefined)

/** Asks which database this is; after a failover it may be another. */
export async function readIdentity(): Promise<void> {
  try {
    identity.value = await ask('GET /v1/database/health')
  } catch {
    // It does not answer: the live stream says so, and asks again when it is back.
  }
}
