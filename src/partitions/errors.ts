import { HoldfastError, messageOf } from '../core/index.ts'

export function tableMissing(name: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_TABLE',
    message: `There is no table ${name} that this role finds. Name it with its schema, quoted where it has capitals: public."Logs".`,
    details: { table: name },
  })
}

export function notPartitioned(table: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_NONE',
    message: `${table} is not partitioned. Convert it: holdfast partition plan ${table} --by <column> --every month.`,
    details: { table },
  })
}

export function keyUnsupported(table: string, why: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_KEY',
    message: `${table} cannot be kept in partitions by this key: ${why}. Nothing was changed.`,
    details: { table },
  })
}

export function notManaged(table: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_NOT_MANAGED',
    message: `${table} is not under upkeep: nobody said how long its partitions are. Say so: holdfast partition convert ${table} --by <column> --every month.`,
    details: { table },
  })
}

/** @param cause what PostgreSQL said */
export function partitionLocked(table: string, attempts: number, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_LOCK_TIMEOUT',
    message:
      `${table} did not get free in ${attempts} attempt(s). What was done before stays, and the next run goes on. End the ` +
      'long transaction that uses it, or try at a quieter hour.',
    cause,
    retryable: true,
    details: { table, attempts },
  })
}

export function partitionDenied(table: string, owner: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_NOT_ALLOWED',
    message: `This role may not change the partitions of ${table} (${messageOf(cause)}). Its owner may: ${owner}.`,
    cause,
    details: { table, owner },
  })
}

export function ownSchemaMissing(schema: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_OWN_SCHEMA',
    message: `Holdfast's schema "${schema}" is not there, or of an older version: partitions have no place for their upkeep. Run "holdfast init".`,
    details: { schema },
  })
}

export function everyDoesNotFit(table: string, every: string, is: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_EVERY',
    message: `The key of ${table} is ${is === 'time' ? 'a time' : 'a whole number'}, and "${every}" is no length of it: ${is === 'time' ? 'hour, day, month or year' : 'a number from 1'}.`,
    details: { table, every },
  })
}

export function partitionRefused(table: string, what: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_REFUSED',
    message: `${table}: PostgreSQL refused to ${what} (${messageOf(cause)}). Nothing of that step stays.`,
    cause,
    details: { table },
  })
}
