import { quoteQualified, SQLSTATE, sqlstateOf } from '../core/index.ts'
import type { KeptAt } from '../monitor/index.ts'
import { notAllowed } from './errors.ts'

/** A moment of a parameter in milliseconds since 1970, as SQL. */
export const at = (parameter: number): string => `to_timestamp($${parameter}::float8 / 1000)`

/** A column as milliseconds since 1970. */
export const ms = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`

/** Tables about one database in Holdfast's own schema. */
export class KeptTables {
  readonly place: KeptAt

  constructor(place: KeptAt) {
    this.place = place
  }

  protected table(name: string): string {
    return quoteQualified(this.place.schema, name)
  }

  /** The source is the first value of each statement. @throws HF_ALERT_NOT_ALLOWED, what the database says */
  protected async query<Row extends object>(
    text: string,
    values: readonly unknown[],
  ): Promise<{ rows: Row[]; rowCount: number | null }> {
    const { db, schema, source } = this.place
    try {
      return await db.query<Row & Record<string, unknown>>(text, [source, ...values])
    } catch (error) {
      throw sqlstateOf(error) === SQLSTATE.insufficientPrivilege ? notAllowed(schema, error) : error
    }
  }
}
