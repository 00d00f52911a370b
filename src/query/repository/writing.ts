import { type Expression, type SqlBool, sql } from 'kysely'
import type { ManyRows } from '../bulk/chunks.ts'
import { createMany, type CreateManyOptions } from '../bulk/create-many.ts'
import { batchSizeInvalid, rowNotFound, versionConflict, versionMissing } from '../errors.ts'
import { all, counted, type Db, type Row, type Table } from './table.ts'

/** Creating and changing rows. */
export function writing(db: Db, table: Table) {
  const { version } = table.options
  return {
    create: async (row: Row) =>
      db.insertInto(table.name).values(table.withKey(row)).returningAll().executeTakeFirstOrThrow(),
    createMany: async (rows: ManyRows<Row>, options?: CreateManyOptions) =>
      createMany(
        db,
        table.name,
        mapped(rows, (row) => table.withKey(row)),
        options,
      ),
    async update(key: unknown, changes: Row, expected?: { version: number }) {
      if (expected && !Number.isInteger(expected.version)) throw versionMissing(table.name, expected.version)
      table.assertChangeable(changes)
      const conditions = [...table.keyConditions(key), ...table.alive()]
      const current =
        version === undefined || !expected ? [] : [sql<boolean>`${sql.ref(version)} = ${expected.version}`]
      const set = { ...changes, ...table.touched() }
      const select = (where: Expression<SqlBool>[]): Promise<Row | undefined> =>
        db.selectFrom(table.name).selectAll().where(all(where)).executeTakeFirst()
      // Nothing to change is no mistake: the row is asked for all the same.
      const changed = Object.values(set).some((value) => value !== undefined)
        ? await db
            .updateTable(table.name)
            .set(set)
            .where(all([...conditions, ...current]))
            .returningAll()
            .executeTakeFirst()
        : await select([...conditions, ...current])
      if (changed) return changed
      const found = current.length > 0 ? await select(conditions) : undefined
      if (!found) throw rowNotFound(table.name)
      throw versionConflict(table.name, expected?.version as number, Number(found[version as string]))
    },
  }
}

/** Of a table whose rows go for good. */
export function deleting(db: Db, table: Table) {
  return {
    async delete(key: unknown) {
      const { numDeletedRows } = await db
        .deleteFrom(table.name)
        .where(all(table.keyConditions(key)))
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },
  }
}

/** Of a table whose rows are marked first. */
export function softDeleting(db: Db, table: Table, deletedAt: string) {
  const { deletedBy } = table.options
  const mark = async (key: unknown, where: Expression<SqlBool>[], set: Row): Promise<Row> => {
    const row = await db
      .updateTable(table.name)
      .set({ ...set, ...table.touched() })
      .where(all([...table.keyConditions(key), ...where]))
      .returningAll()
      .executeTakeFirst()
    if (!row) throw rowNotFound(table.name)
    return row
  }
  const by = (value: unknown): Row => (deletedBy === undefined ? {} : { [deletedBy]: value ?? null })
  const markedBefore = (before: Date): Expression<SqlBool> => sql<boolean>`${sql.ref(deletedAt)} < ${before}`
  return {
    softDelete: async (key: unknown, options: { by?: unknown } = {}) =>
      mark(key, table.alive(), { [deletedAt]: sql`now()`, ...by(options.by) }),
    restore: async (key: unknown) => mark(key, table.deleted(), { [deletedAt]: null, ...by(null) }),
    async purge(key: unknown) {
      const { numDeletedRows } = await db
        .deleteFrom(table.name)
        .where(all([...table.keyConditions(key), ...table.deleted()]))
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },
    async purgeDeleted({
      before,
      batchSize = 1_000,
      dryRun = false,
    }: {
      before: Date
      batchSize?: number
      dryRun?: boolean
    }) {
      if (dryRun) return counted(db, table, [markedBefore(before)])
      if (!Number.isInteger(batchSize) || batchSize < 1) throw batchSizeInvalid(batchSize)
      const keys = table.keyColumns.map((column) => sql.ref(column))
      for (let purged = 0; ;) {
        const batch = db
          .selectFrom(table.name)
          .select(table.keyColumns as string[])
          .where(markedBefore(before))
          // Whoever holds a row may be restoring it; what is locked is as it was found.
          .forUpdate()
          .skipLocked()
        const { numDeletedRows } = await db
          .deleteFrom(table.name)
          .where(sql<boolean>`(${sql.join(keys)}) in (${batch.limit(batchSize)})`)
          .where(markedBefore(before))
          .executeTakeFirstOrThrow()
        purged += Number(numDeletedRows)
        if (numDeletedRows < BigInt(batchSize)) return purged
      }
    },
  }
}

async function* mapped(rows: ManyRows<Row>, change: (row: Row) => Row): AsyncGenerator<Row> {
  for await (const row of rows) yield change(row)
}
