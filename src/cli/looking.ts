import { systemClock } from '../core/index.ts'
import type { Holdfast } from '../holdfast.ts'
import { type CheckContext, Reader } from '../monitor/index.ts'
import type { Session } from './session.ts'

/** A database to look at: beside the pool, waiting for nobody. */
export interface Looking {
  readonly holdfast: Holdfast
  readonly reader: Reader
}

/** @param timeoutMs what one reading may take @throws HF_CONNECT_* */
export async function lookWith(session: Session, timeoutMs?: number): Promise<Looking> {
  const holdfast = await session.connect()
  const reader = new Reader(holdfast.pool, systemClock, timeoutMs)
  session.own('reader', () => reader.end())
  return { holdfast, reader }
}

/** What the checks look at. */
export const checkContextOf = ({ holdfast, reader }: Looking): Promise<CheckContext> =>
  holdfast.checkContext(reader)
