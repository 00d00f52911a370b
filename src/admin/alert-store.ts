import { type Alerts, type AlertStore, openAlertStore } from '../alerts/index.ts'
import { findHistory } from '../monitor/index.ts'
import { ownQueries } from '../pool/index.ts'
import type { AdminContext } from './context.ts'
import { alertsUnknown } from './errors.ts'

/** Where alerts are kept. @throws HF_ALERT_HISTORY_MISSING */
export async function alertStoreOf({ alerts, pool, schema }: AdminContext): Promise<AlertStore> {
  return alerts?.store ?? openAlertStore((await findHistory(ownQueries(pool), schema))?.place, schema)
}

/** What watches the rules. @throws HF_ADMIN_ALERTS_UNKNOWN */
export function alertsOf({ alerts }: AdminContext): Alerts {
  if (alerts === undefined) throw alertsUnknown()
  return alerts
}
