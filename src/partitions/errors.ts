import { HoldfastError, messageOf } from '../core/index.ts'

/** Findings that a message names before it only counts. */
const NAMED = 5

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
    message: `${table} is not under upkeep: nobody said how long its partitions are. Say so: holdfast partition manage ${table} --every month; a table that is not partitioned yet: holdfast partition convert ${table} --by <column> --every month.`,
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

export function ownTablesDenied(grant: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_OWN_RIGHTS',
    message: `The upkeep of partitions is written down where this role may not look: ${messageOf(cause)}. Have it granted: ${grant}`,
    details: { grant },
    cause,
  })
}

export function defaultHolds(table: string, reasons: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_DEFAULT',
    message: `Partitions of ${table} could not be made where rows lie in its default partition. ${reasons.join('; ')}.`,
    details: { table, reasons: [...reasons] },
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

export function alreadyPartitioned(table: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_CONVERTED',
    message: `${table} is partitioned already. See its partitions: holdfast partition list ${table}. What is still in one old partition is split by: holdfast partition convert ${table} --every month --mode split.`,
    details: { table },
  })
}

interface InTheWay {
  readonly id: string
  readonly level: string
  readonly words: string
  readonly way: string | null
}

export function conversionBlocked(table: string, findings: readonly InTheWay[]): HoldfastError {
  const shown = findings.slice(0, NAMED).map(({ id, level, words, way }) => {
    const how = level === 'consent' ? `agree to it with --accept ${id}` : way
    return `${words}${how === null ? '' : ` (${how})`}`
  })
  const more = findings.length > NAMED ? `; and ${findings.length - NAMED} more` : ''
  return new HoldfastError({
    code: 'HF_PARTITION_BLOCKED',
    message: `${table} cannot be converted as it is: ${shown.join('; ')}${more}. See all of it: holdfast partition plan ${table}.`,
    details: { table, findings },
  })
}

export function planChanged(table: string, looked: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_PLAN_CHANGED',
    message: `The plan ${looked} is no longer what would be done with ${table}. Nothing was done; look at it again: holdfast partition plan ${table}.`,
    details: { table, looked },
  })
}

export function conversionOpen(table: string, kind: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_OPEN',
    message: `A conversion of ${table} (${kind}) was begun and not ended. Go on with it: holdfast partition resume ${table}; or take it back: holdfast partition abort ${table}.`,
    details: { table, kind },
  })
}

export function conversionNone(table: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_NO_CONVERSION',
    message: `No conversion of ${table} is written down. Plan one: holdfast partition plan ${table} --by <column> --every month.`,
    details: { table },
  })
}

export function partitionBusy(table: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_BUSY',
    message: `Somebody else works on the partitions of ${table} just now (a session called "holdfast partition"). Wait for it, or end it.`,
    retryable: true,
    details: { table },
  })
}

export function partitionReplica(table: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_REPLICA',
    message: `This server is a replica and takes no writes: ${table} is looked after on its primary.`,
    details: { table },
  })
}

export function tableChanged(table: string, what: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_CHANGED',
    message: `${table} was changed since the conversion was planned: ${what}. Take it back, and plan anew: holdfast partition abort ${table}.`,
    details: { table },
  })
}

export function cutoffNear(table: string, cutoff: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_CUTOFF',
    message: `The rows of ${table} have come close to ${cutoff}, where its old part ends: it would refuse those behind it. Take the conversion back, and plan anew: holdfast partition abort ${table}.`,
    details: { table, cutoff },
  })
}

export function scannedUnderLock(table: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_SCAN',
    message: `${table}: PostgreSQL looked through the table while it was locked, although its checks make that needless. It was taken back.`,
    details: { table },
  })
}

export function undoImpossible(table: string, why: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_NO_UNDO',
    message: `The conversion of ${table} cannot be undone: ${why}.`,
    details: { table },
  })
}

export function copyDiffers(table: string, partitions: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_COPY_DIFFERS',
    message: `${table}: ${partitions.join(', ')} hold other rows than the old table. Nothing was exchanged. Take it back (holdfast partition abort ${table}), and tell us what writes to the table.`,
    details: { table, partitions },
  })
}

export function conversionEnded(table: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_NOT_OPEN',
    message: `No conversion of ${table} is open: there is nothing to take back. One that is done is undone by: holdfast partition undo ${table}.`,
    details: { table },
  })
}

export function archiveDamaged(file: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_ARCHIVE_DAMAGED',
    message: `The archive ${file} is not what was written: ${why}. Nothing was dropped.`,
    cause,
    details: { file },
  })
}

export function archivePlaceUnknown(place: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_ARCHIVE_PLACE',
    message: `${place} is none of the places that archives may lie in. If it is meant to be one, add it to partitions.archivePlaces in the configuration (HOLDFAST_PARTITIONS_ARCHIVE_PLACES).`,
    details: { place },
  })
}

export function consentNeeded(table: string, consent: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_CONSENT',
    message: `The conversion of ${table} was begun with the consent "${consent}", which holds for the call it was given in. Nothing was done; give it again: holdfast partition resume ${table} --accept ${consent}.`,
    details: { table, consent },
  })
}

export function mannerUnknown(table: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_MANNER',
    message: `How the partitions of ${table} are made could not be read: PostgreSQL describes a unique index of the latest one in another form than is known. Nothing was made.`,
    details: { table },
  })
}

/** @param why the record is not what it should be */
export function recordBroken(table: string, record: string, why: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_RECORD',
    message: `What is written down of ${table} (${record}) cannot be gone by: ${why}. Nothing was done.`,
    details: { table, record },
  })
}

export function archiveUnfit(file: string, why: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_ARCHIVE_UNFIT',
    message: `The archive ${file} cannot be restored here: ${why}.`,
    details: { file },
  })
}

export function partitionUnknown(table: string, partition: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_UNKNOWN',
    message: `${table} has no partition ${partition} that could be taken away. See them: holdfast partition list ${table}.`,
    details: { table, partition },
  })
}

export function archiveUnknown(table: string, partition: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_ARCHIVE_UNKNOWN',
    message: `No archive of ${partition}, a partition of ${table}, is written down. One that lies somewhere else is restored by its file: holdfast partition restore-archive ${table} <manifest>.`,
    details: { table, partition },
  })
}

export function partitionInUse(table: string, partition: string, end: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_IN_USE',
    message: `${partition} takes rows of ${table} until ${end}: without it they would find no place. Only what has ended is archived.`,
    details: { table, partition, end },
  })
}

export function partitionAlive(table: string, partition: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_PARTITION_ALIVE',
    message: `${partition} of ${table} was written to while it was archived. Nothing was dropped; the next run archives it anew.`,
    retryable: true,
    details: { table, partition },
  })
}
