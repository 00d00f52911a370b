import { SQLSTATE, sqlstateOf, uuidv7 } from '../core/index.ts'
import type { KeptAt } from '../monitor/index.ts'
import type { Alert } from './alert.ts'
import { type Delivery, insertionOf } from './deliveries.ts'
import { alertUnknown, historyMissing, silenceUnknown } from './errors.ts'
import { at, KeptTables, ms } from './kept.ts'
import { alertAsJson, instant } from './notification.ts'
import type { AlertSeverity } from './rule.ts'

/** Whom somebody told of an alert, and who knows. */
export interface Told {
  readonly id: string
  /** Milliseconds since 1970; null where nobody was told. */
  readonly atMs: number | null
  readonly severity: AlertSeverity | null
  readonly isAcknowledged: boolean
}

/** An alert as it is kept. */
export interface KeptAlert extends Alert {
  readonly acknowledgedAt: number | null
  readonly acknowledgedBy: string | null
  /** When somebody was told of it last; null where nobody was. */
  readonly toldAt: number | null
}

/** What nobody wants to be told of for a while. */
export interface Silence {
  readonly id: string
  /** Null: every rule. */
  readonly rule: string | null
  /** Null: every process, and the database. */
  readonly instance: string | null
  readonly reason: string
  readonly createdBy: string
  readonly createdAt: number
  readonly endsAt: number
}

type AlertRow = Omit<KeptAlert, 'state'>

const ALERT_COLUMNS = `id, rule, instance, severity, metric, value, threshold, message, action, ${ms('since')} AS since,
  ${ms('fired_at')} AS "firedAt", ${ms('resolved_at')} AS "resolvedAt", ${ms('acknowledged_at')} AS "acknowledgedAt", acknowledged_by AS "acknowledgedBy",
  ${ms('told_at')} AS "toldAt"`
const SILENCE_COLUMNS = `id, rule, instance, reason, created_by AS "createdBy", ${ms('created_at')} AS "createdAt", ${ms('ends_at')} AS "endsAt"`
/** How long what is over is kept. */
const KEPT_MS = 90 * 86_400_000
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

const asAlert = (row: AlertRow): KeptAlert => ({
  ...row,
  state: row.resolvedAt === null ? 'firing' : 'resolved',
})

/** Alerts and silences of one database, in Holdfast's own schema. */
export class AlertStore extends KeptTables {
  /** Writes a firing alert down, or what has become of it. @returns what was told of it before */
  async put(alert: Alert, nowMs: number): Promise<Told> {
    const { id, rule, instance, severity, metric, value, threshold, message, action, since, firedAt } = alert
    const { rows } = await this.query<{
      id: string
      at: number | null
      severity: AlertSeverity | null
      known: boolean
    }>(
      `INSERT INTO ${this.table('alerts')}
         (source, id, rule, instance, severity, metric, value, threshold, message, action, since, fired_at, seen_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, ${at(11)}, ${at(12)}, ${at(13)})
       ON CONFLICT (source, rule, instance) WHERE resolved_at IS NULL DO UPDATE
         SET severity = excluded.severity, value = excluded.value, threshold = excluded.threshold, message = excluded.message,
             action = excluded.action, seen_at = excluded.seen_at
       RETURNING id, ${ms('told_at')} AS at, told_severity AS severity, acknowledged_at IS NOT NULL AS known`,
      [
        id,
        rule,
        instance,
        severity,
        metric,
        value,
        threshold,
        message,
        action,
        since,
        firedAt ?? nowMs,
        nowMs,
      ],
    )
    const [row] = rows
    return row
      ? { id: row.id, atMs: row.at, severity: row.severity, isAcknowledged: row.known }
      : { id, atMs: null, severity: null, isAcknowledged: false }
  }

  /** Somebody is told: that they are, and what, is written down as one. */
  async tell(
    { id, atMs, severity }: Pick<Told, 'id' | 'atMs' | 'severity'>,
    deliveries: readonly Delivery[],
    heldUntil: number,
  ): Promise<void> {
    await this.query(
      `WITH told AS (UPDATE ${this.table('alerts')} SET told_at = ${at(3)}, told_severity = $4 WHERE source = $1 AND id = $2)
       ${insertionOf(this.table('alert_deliveries'), 5, 6)} ON CONFLICT DO NOTHING`,
      [id, atMs, severity, JSON.stringify(deliveries), heldUntil],
    )
  }

  /**
   * It is over. What is to be told of that is written down with it, where somebody was told of the alert.
   * @returns whether it was open, and whether somebody was told of it
   */
  async resolve(
    id: string,
    nowMs: number,
    deliveries: readonly Delivery[],
    heldUntil: number,
  ): Promise<{ wasOpen: boolean; wasTold: boolean }> {
    const { rows } = await this.query<{ told: boolean }>(
      `WITH over AS (UPDATE ${this.table('alerts')} SET resolved_at = ${at(3)}, seen_at = ${at(3)}
                      WHERE source = $1 AND id = $2 AND resolved_at IS NULL RETURNING told_at IS NOT NULL AS told),
            telling AS (${insertionOf(this.table('alert_deliveries'), 4, 5)} WHERE EXISTS (SELECT FROM over WHERE told)
                        ON CONFLICT DO NOTHING)
       SELECT told FROM over`,
      [id, nowMs, JSON.stringify(deliveries), heldUntil],
    )
    const [row] = rows
    return { wasOpen: row !== undefined, wasTold: row?.told === true }
  }

  /** Those that are open, of the database or of processes. */
  async open(instance?: string): Promise<KeptAlert[]> {
    const { rows } = await this.query<AlertRow>(
      `SELECT ${ALERT_COLUMNS} FROM ${this.table('alerts')}
        WHERE source = $1 AND resolved_at IS NULL AND ($2::text IS NULL OR instance = $2) ORDER BY fired_at DESC, id DESC LIMIT 1000`,
      [instance ?? null],
    )
    return rows.map(asAlert)
  }

  /** All, the latest first. @param before of the last one of the page before */
  async list(
    limit: number,
    before?: { readonly firedAt: number; readonly id: string },
  ): Promise<KeptAlert[]> {
    const { rows } = await this.query<AlertRow>(
      `SELECT ${ALERT_COLUMNS} FROM ${this.table('alerts')}
        WHERE source = $1 AND ($3::float8 IS NULL OR (fired_at, id) < (${at(3)}, $4::uuid)) ORDER BY fired_at DESC, id DESC LIMIT $2`,
      [limit, before?.firedAt ?? null, before?.id ?? null],
    )
    return rows.map(asAlert)
  }

  /** What processes reported that say nothing of it any more. */
  async vanished(unseenMs: number, nowMs: number): Promise<KeptAlert[]> {
    const { rows } = await this.query<AlertRow>(
      `SELECT ${ALERT_COLUMNS} FROM ${this.table('alerts')}
        WHERE source = $1 AND resolved_at IS NULL AND instance <> '' AND seen_at < ${at(2)} LIMIT 100`,
      [nowMs - unseenMs],
    )
    return rows.map(asAlert)
  }

  /** Somebody knows of it: it is not said again until it is over. @throws HF_ALERT_UNKNOWN */
  async acknowledge(id: string, by: string, nowMs: number): Promise<KeptAlert> {
    if (!UUID.test(id)) throw alertUnknown(id)
    const { rows } = await this.query<AlertRow>(
      `UPDATE ${this.table('alerts')} SET acknowledged_at = ${at(4)}, acknowledged_by = $3
        WHERE source = $1 AND id = $2 AND resolved_at IS NULL RETURNING ${ALERT_COLUMNS}`,
      [id, by, nowMs],
    )
    const [row] = rows
    if (!row) throw alertUnknown(id)
    return asAlert(row)
  }

  /** Begins one. @returns it */
  async silence(input: Omit<Silence, 'id'>): Promise<Silence> {
    const { rows } = await this.query<Silence>(
      `INSERT INTO ${this.table('alert_silences')} (source, id, rule, instance, reason, created_by, created_at, ends_at)
       VALUES ($1, $2, $3, $4, $5, $6, ${at(7)}, ${at(8)}) RETURNING ${SILENCE_COLUMNS}`,
      [uuidv7(), input.rule, input.instance, input.reason, input.createdBy, input.createdAt, input.endsAt],
    )
    return rows[0] as Silence
  }

  /** Those that hold. */
  async silences(nowMs: number): Promise<Silence[]> {
    const { rows } = await this.query<Silence>(
      `SELECT ${SILENCE_COLUMNS} FROM ${this.table('alert_silences')} WHERE source = $1 AND ends_at > ${at(2)} ORDER BY ends_at LIMIT 1000`,
      [nowMs],
    )
    return rows
  }

  /** Ends one now. @throws HF_ALERT_SILENCE_UNKNOWN */
  async lift(id: string, nowMs: number): Promise<Silence> {
    if (!UUID.test(id)) throw silenceUnknown(id)
    const { rows } = await this.query<Silence>(
      `UPDATE ${this.table('alert_silences')} SET ends_at = ${at(3)}
        WHERE source = $1 AND id = $2 AND ends_at > ${at(3)} RETURNING ${SILENCE_COLUMNS}`,
      [id, nowMs],
    )
    const [row] = rows
    if (!row) throw silenceUnknown(id)
    return row
  }

  /** Removes what is long over. */
  async tidy(nowMs: number): Promise<void> {
    await this.query(
      `WITH alerts AS (DELETE FROM ${this.table('alerts')} WHERE source = $1 AND resolved_at < ${at(2)}),
            silences AS (DELETE FROM ${this.table('alert_silences')} WHERE source = $1 AND ends_at < ${at(2)})
       DELETE FROM ${this.table('alert_deliveries')} WHERE source = $1 AND created_at < ${at(2)} AND coalesce(delivered_at, failed_at) IS NOT NULL`,
      [nowMs - KEPT_MS],
    )
  }
}

/**
 * What is kept at this place. @param schema for the message
 * @throws HF_ALERT_HISTORY_MISSING, HF_ALERT_NOT_ALLOWED
 */
export async function openAlertStore(place: KeptAt | undefined, schema: string): Promise<AlertStore> {
  if (place === undefined) throw historyMissing(schema)
  const store = new AlertStore(place)
  try {
    await store.list(1)
  } catch (error) {
    throw sqlstateOf(error) === SQLSTATE.undefinedTable ? historyMissing(schema) : error
  }
  return store
}

/** The same for the HTTP API and the command line. */
export const silenceAsJson = ({ id, rule, instance, reason, createdBy, createdAt, endsAt }: Silence) => ({
  id,
  rule,
  instance,
  reason,
  created_by: createdBy,
  created_at: new Date(createdAt).toISOString(),
  ends_at: new Date(endsAt).toISOString(),
})

/** Whether nobody wants to be told of this one now. */
export const isSilenced = (
  silences: readonly Silence[],
  { rule, instance }: Pick<Alert, 'rule' | 'instance'>,
  nowMs: number,
): boolean =>
  silences.some(
    (one) =>
      one.endsAt > nowMs &&
      (one.rule === null || one.rule === rule) &&
      (one.instance === null || one.instance === instance),
  )

/**
 * The same for the HTTP API and the command line, of alerts that are kept and of those that are pending here.
 * @param silences that hold now
 */
export const listedAsJson = (alert: Alert | KeptAlert, silences: readonly Silence[], nowMs: number) => {
  const kept = 'toldAt' in alert ? alert : undefined
  return {
    ...alertAsJson(alert),
    told_at: instant(kept?.toldAt ?? null),
    acknowledged_at: instant(kept?.acknowledgedAt ?? null),
    acknowledged_by: kept?.acknowledgedBy ?? null,
    silenced: alert.state !== 'resolved' && isSilenced(silences, alert, nowMs),
  }
}
