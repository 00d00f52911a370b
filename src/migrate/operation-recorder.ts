import { type Operation, type Queryable, quoteQualified, type Recorder, uuidv7 } from '../core/index.ts'
import { actorHere } from './history/who.ts'

/** {@link Recorder} on the append-only table `operations` of Holdfast's own schema. */
export class OperationRecorder implements Recorder {
  readonly #db: Queryable
  readonly #table: string

  constructor(db: Queryable, schema: string) {
    this.#db = db
    this.#table = quoteQualified(schema, 'operations')
  }

  async record(operation: Operation): Promise<void> {
    await this.#db.query(
      `INSERT INTO ${this.#table} (id, action, subject, actor, details, database_user)
       VALUES ($1, $2, $3, $4, $5, session_user)`,
      [
        uuidv7(),
        operation.action,
        operation.subject,
        operation.actor ?? actorHere(),
        JSON.stringify(operation.details ?? {}),
      ],
    )
  }
}
