import { HoldfastError, messageOf } from '../core/index.ts'

export function modelContradicts(why: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ACCESS_MODEL',
    message: `The access roles cannot be as configured: ${why}. Correct "access" in the configuration; nothing was changed.`,
  })
}

export function accessBlocked(reasons: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_ACCESS_BLOCKED',
    message: `The plan is blocked: ${reasons.join('; ')}. Nothing was changed.`,
    details: { reasons },
  })
}

export function accessWidens(count: number, examples: readonly string[], plan: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ACCESS_WIDENS',
    message:
      `${count} change(s) give a role more than it has, or are felt elsewhere (${examples.join('; ')}${count > examples.length ? '; ...' : ''}). ` +
      `That is only done for a plan that was looked at: holdfast access plan, then holdfast access apply --plan ${plan}. Nothing was changed.`,
    details: { count, plan },
  })
}

export function accessChanged(objects: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_ACCESS_CHANGED',
    message: `${objects.join(', ')} became something else while it was handed over, and was left to its owner. What was done before stays; look again: holdfast access plan.`,
    details: { objects },
  })
}

export function accessPlanChanged(given: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_ACCESS_PLAN_CHANGED',
    message: `The plan ${given} is not what would be done now. Nothing was changed; look again: holdfast access plan.`,
    details: { given },
  })
}

/** @param done groups of changes that were committed before */
export function accessNotAllowed(
  role: string,
  statement: string,
  done: number,
  cause: unknown,
): HoldfastError {
  return new HoldfastError({
    code: 'HF_ACCESS_NOT_ALLOWED',
    message:
      `The role "${role}" may not do this: ${statement} (${messageOf(cause)}). Apply with a superuser, or with a role that ` +
      `has CREATEROLE, owns what is handed over and may grant what is granted. ${done === 0 ? 'Nothing was changed.' : `${done} step(s) before it are done; applying again goes on.`}`,
    cause,
    details: { role, statement, done },
  })
}

export function accessLocked(object: string, attempts: number, done: number, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_ACCESS_LOCK_TIMEOUT',
    message:
      `${object} did not get free in ${attempts} attempt(s). ${done} step(s) before it are done; applying again goes on. ` +
      'End the long transaction that uses it, or try at a quieter hour.',
    cause,
    retryable: true,
    details: { object, attempts, done },
  })
}

export function accessBusy(cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_ACCESS_BUSY',
    message:
      'Another process applies the access roles to this database. Nothing was changed; try again when it has finished.',
    cause,
    retryable: true,
  })
}

/** @param done groups of changes that were committed before */
export function accessFailed(statement: string, done: number, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_ACCESS_FAILED',
    message:
      `This failed: ${statement} (${messageOf(cause)}). ${done} step(s) before it are done and stay; having mended ` +
      'the cause, look again: holdfast access plan.',
    cause,
    details: { statement, done },
  })
}

export function accessIncomplete(left: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_ACCESS_INCOMPLETE',
    message:
      `Everything was run, and ${left.length} difference(s) are there still: ${left.slice(0, 5).join('; ')}. A grant that ` +
      'another role made has to be taken back by that role; what was changed meanwhile, by another run.',
    details: { left: left.slice(0, 100) },
  })
}
