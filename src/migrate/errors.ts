import { HoldfastError, messageOf } from '../core/index.ts'

export function checksumChanged(
  changed: readonly { id: string; appliedAt: Date; difference: string }[],
): HoldfastError {
  const words = changed.map(
    ({ id, appliedAt, difference }) => `${id} (ran ${appliedAt.toISOString()}): ${difference}`,
  )
  return new HoldfastError({
    code: 'HF_MIGRATE_CHECKSUM',
    message:
      `${changed.length} migration(s) changed after they ran. ${words.join('; ')}. Restore the file as it ran and put ` +
      'the change into a new migration; where the change does nothing: holdfast migrate repair <id> --reason "...".',
    details: { ids: changed.map(({ id }) => id), differences: words },
  })
}

export function outOfOrder(
  late: readonly { id: string; relation: string }[],
  lastApplied: string,
): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_OUT_OF_ORDER',
    message:
      `${late.map(({ id, relation }) => `${id} (${relation})`).join(', ')} is older than ${lastApplied}, which has run ` +
      'already. In production this needs consent: run again with --allow-out-of-order.',
    details: { ids: late.map(({ id }) => id), lastApplied, late },
  })
}

export function afterImpossible(id: string, after: string, why: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_AFTER',
    message: `${id} must run after "${after}", ${why}. Correct its directive "after"; nothing was run.`,
    details: { id, after },
  })
}

export function replacedInPart(id: string, missing: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_REPLACES',
    message:
      `${id} stands for migrations of which ${missing.join(', ')} did not run here. Run them from the version before ` +
      'they were squashed, then come back; nothing was run.',
    details: { id, missing },
  })
}

export function emptyMigration(path: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_EMPTY',
    message:
      `${path} holds no statement: it was begun and not filled in. Fill it in or remove its folder; one that is empty on purpose ` +
      'says so with "-- holdfast: irreversible". Nothing was run.',
    details: { path },
  })
}

export function runnerBusy(waitedMs: number, holder: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_LOCK_HELD',
    message: `Another process runs migrations (${holder}); waited ${waitedMs} ms. Try again when it has finished.`,
    retryable: true,
    details: { holder, waitedMs },
  })
}

export function noRunner(): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_NO_RUNNER',
    message: 'Nobody holds the lock of the migrations: there is nothing to unlock.',
  })
}

export function lockTimeout(
  id: string,
  line: number,
  attempts: number,
  blockers: string,
  cause: unknown,
): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_LOCK_TIMEOUT',
    message:
      `${id}: the statement on line ${line} did not get its lock in ${attempts} attempt(s) ` +
      `(${messageOf(cause)})${blockers === '' ? '' : `; in the way: ${blockers}`}. It was not applied; end what is in the ` +
      'way, or try at a quieter hour.',
    cause,
    retryable: true,
    details: { id, line, attempts, blockers },
  })
}

/** @param rest what is left of the migration, in words */
export function statementFailed(id: string, line: number, cause: unknown, rest: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_FAILED',
    message: `${id}: the statement on line ${line} failed: ${messageOf(cause)}. ${rest}`,
    cause,
    details: { id, line },
  })
}

export function needsTransactionOff(path: string, line: number, kind: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_NEEDS_TRANSACTION_OFF',
    message:
      `${path}:${line}: "${kind}" cannot run in a transaction. Put "-- holdfast: transaction=off" at the top of the file, ` +
      'best with nothing but such statements in it; nothing was run.',
    details: { path, line, kind },
  })
}

export function indexUnnamed(path: string, line: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_INDEX_UNNAMED',
    message:
      `${path}:${line}: an index that is built concurrently needs a name, so that an interrupted build can be found ` +
      'again. Write CREATE INDEX CONCURRENTLY <name> ON ...; nothing was run.',
    details: { path, line },
  })
}

export function indexInvalid(id: string, line: number, index: string, reason: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_INDEX_INVALID',
    message: `${id}: line ${line}: the index ${index} ${reason}.`,
    retryable: true,
    details: { id, line, index },
  })
}

export function stepUnknown(id: string, step: number, line: number, kind: string, at: Date): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_STEP_UNKNOWN',
    message:
      `${id}: the statement on line ${line} (${kind}) was begun at ${at.toISOString()} by a run that did not come to its ` +
      'end, and the catalog cannot tell whether it took effect. Look, then say so: holdfast migrate repair ' +
      `${id} --step ${step} --mark done|pending --reason "...".`,
    details: { id, step, line, kind },
  })
}

export function stepChanged(id: string, line: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_STEP_CHANGED',
    message:
      `${id}: the statement on line ${line} ran already in an attempt that stopped later, and is another one now. ` +
      'Restore it as it ran; what has not run yet may change.',
    details: { id, line },
  })
}

export function transactionEnded(id: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_TRANSACTION_ENDED',
    message:
      `${id}: its TypeScript ended the transaction that it ran in. What it committed stays, and is not in the history: look at ` +
      'the database, undo it by hand or stamp it, and correct the file.',
    details: { id },
  })
}

export function interrupted(id: string, direction: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_INTERRUPTED',
    message:
      `${id} stopped midway on its way ${direction}: some of its statements are applied. Finish it first ` +
      `(holdfast migrate ${direction}), or, having undone them by hand: holdfast migrate repair ${id} --give-up --reason "...".`,
    details: { id, direction },
  })
}

export function lockGivenUp(path: string, line: number): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_LOCK_GIVEN_UP',
    message: `${path}:${line}: gives up all locks of the session, and with them the one that keeps two runners apart. Remove it; nothing was run.`,
    details: { path, line },
  })
}

export function validationFailed(id: string, faults: readonly string[], rest: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_VALIDATION',
    message: `${id}: what validate.ts checks does not hold: ${faults.slice(0, 5).join('; ')}. ${rest}`,
    details: { id, faults: faults.slice(0, 100) },
  })
}

export function commitUnknown(id: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_COMMIT_UNKNOWN',
    message:
      `${id}: the connection was lost while it was being committed, so it is applied in whole or not at all. ` +
      'Run "holdfast migrate status": the history tells which; then go on with "holdfast migrate up".',
    cause,
    details: { id },
  })
}

export function noWayBack(id: string, why: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_NO_WAY_BACK',
    message: `${id} cannot be taken back: ${why}. Nothing was run.`,
    details: { id },
  })
}

export function planChanged(ids: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_PLAN_CHANGED',
    message: `Other migrations would be taken back than were shown: now it is ${ids.join(', ') || 'none'}. Nothing was run; look again.`,
    details: { ids },
  })
}

export function unknownTarget(id: string, known: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_UNKNOWN_ID',
    message: `There is no migration "${id}". The last ones are: ${known.slice(-3).join(', ') || 'none'}.`,
    details: { id },
  })
}

/** For what `repair`, `stamp` and their kind were asked to do and cannot mean. */
export function nothingToRepair(id: string, why: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_NOTHING_TO_REPAIR',
    message: `${id}: ${why}. Nothing was changed; see: holdfast migrate status.`,
    details: { id },
  })
}

export function schemaMissing(schema: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_SCHEMA_MISSING',
    message: `The database has no Holdfast schema ("${schema}") yet. Run "holdfast init" first.`,
    details: { schema },
  })
}

export function schemaOutdated(schema: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_SCHEMA_OUTDATED',
    message: `Holdfast's schema "${schema}" is of an older version. Run "holdfast init" to bring it up to date.`,
    details: { schema },
  })
}

export function schemaNotOurs(schema: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_SCHEMA_FOREIGN',
    message:
      `The database has a schema "${schema}" that Holdfast did not make. Choose another name with HOLDFAST_SCHEMA; ` +
      'nothing was changed.',
    details: { schema },
  })
}

export function notAllowed(what: string, grant: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_NOT_ALLOWED',
    message: `${what}: ${messageOf(cause)}. Have it granted: ${grant}`,
    cause,
    details: { grant },
  })
}

export function searchPathHitsOurs(schema: string, role: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_SEARCH_PATH',
    message:
      `Tables without a schema would be made in Holdfast's own schema "${schema}", because it comes first in the search ` +
      `path of the role "${role}". Use another role, or run: ALTER ROLE "${role}" SET search_path = public; Nothing was run.`,
    details: { schema, role },
  })
}
