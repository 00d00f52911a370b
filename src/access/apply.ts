import type pg from 'pg'
import {
  quoteIdentifier,
  type Recorder,
  SQLSTATE,
  sqlstateOf,
  systemClock,
  wait,
  isHoldfastError,
} from '../core/index.ts'
import { advisoryKey, tryAdvisoryLock } from '../pool/index.ts'
import type { ChangeGroup } from './change.ts'
import {
  accessBlocked,
  accessBusy,
  accessChanged,
  accessFailed,
  accessIncomplete,
  accessLocked,
  accessNotAllowed,
  accessPlanChanged,
  accessWidens,
} from './errors.ts'
import { CHANGED_QUERY } from './queries.ts'
import type { AccessModel } from './model.ts'
import { type AccessPlan, changesOf, planOf } from './plan.ts'
import { type AccessState, readAccess } from './state.ts'
import { type AccessTarget, withAccess } from './target.ts'

/** How a plan is carried out. */
export interface ApplyAccessOptions {
  /** {@link AccessPlan.hash} of the plan that was looked at; needed where a role is given something. */
  readonly plan?: string | undefined
  /** How long a change waits for its object. Default 2000 ms. */
  readonly lockTimeoutMs?: number | undefined
  /** How often a change is tried again when its object was not free. Default 30. */
  readonly lockRetries?: number | undefined
  /** Is told before each group of changes. */
  readonly onProgress?: ((done: number, of: number, object: string) => void) | undefined
  /** Told afterwards, where Holdfast's own schema is there. */
  readonly recorder?: Recorder | undefined
}

const EXAMPLES = 3
const RETRY_PAUSE_MS = 250
/** Others that change the same rows of the catalog: PostgreSQL says so with its code for the unexpected. */
const CONCURRENTLY_UPDATED = 'XX000'

/**
 * Makes the rights what the model says: an object with all that belongs to it in one transaction, so that nobody
 * loses a right for a moment. Gives way to traffic and tries again. Looks once more when it is through.
 *
 * @returns the plan as it was carried out; without groups when nothing was to do
 * @throws HF_ACCESS_BLOCKED, HF_ACCESS_WIDENS, HF_ACCESS_PLAN_CHANGED, HF_ACCESS_BUSY before anything is done;
 *   HF_ACCESS_NOT_ALLOWED, HF_ACCESS_LOCK_TIMEOUT, HF_ACCESS_FAILED, HF_ACCESS_INCOMPLETE; HF_CONNECT_*
 */
export async function applyAccess(
  target: AccessTarget,
  options: ApplyAccessOptions = {},
): Promise<AccessPlan> {
  return withAccess(target, async (client, model) => {
    // Held to the end of the session.
    if (!(await tryAdvisoryLock(client, advisoryKey('holdfast:access')))) throw accessBusy(undefined)
    const state = await readAccess(client, model)
    const plan = planOf(model, state)
    if (plan.groups.length === 0 && plan.blockedBy.length === 0) return plan
    refuse(model, state, plan, options.plan)
    let done = 0
    const isOwnerThere = state.roles.has(model.owner)
    try {
      if (isOwnerThere) await actAsOwner(client, model, state, done)
      for (const group of plan.groups) {
        options.onProgress?.(done, plan.groups.length, group.object)
        await applyGroup(client, group, model, done, state, options)
        done += 1
        // The first group makes it: from then on its rights are needed.
        if (done === 1 && !isOwnerThere) await actAsOwner(client, model, state, done)
      }
    } catch (error) {
      // What is done stays, and is told; why it stopped matters more than whether that could be written.
      await record(model, plan, state, done, options.recorder).catch(() => {})
      throw error
    } finally {
      await leaveOwner(client, model, state)
    }
    await record(model, plan, state, done, options.recorder)
    const left = changesOf(planOf(model, await readAccess(client, model)))
    if (left.length > 0) throw accessIncomplete(left.map(({ words }) => words))
    return plan
  })
}

/** Whoever is no superuser can hand over to a role only as its member: for as long as it takes. */
async function actAsOwner(
  client: pg.Client,
  { owner }: AccessModel,
  { applier, serverVersion }: AccessState,
  done: number,
): Promise<void> {
  if (applier.isSuperuser || applier.mayActAsOwner) return
  const whole = serverVersion >= 16 ? ' WITH INHERIT TRUE, SET TRUE' : ''
  const statement = `GRANT ${quoteIdentifier(owner)} TO ${quoteIdentifier(applier.name)}${whole}`
  await client.query(statement).catch((error: unknown) => {
    throw accessNotAllowed(applier.name, statement, done, error)
  })
}

async function leaveOwner(
  client: pg.Client,
  { owner }: AccessModel,
  { applier }: AccessState,
): Promise<void> {
  if (applier.isSuperuser || applier.mayActAsOwner) return
  // It was no member to begin with; where that failed, there is nothing to leave.
  await client.query(`REVOKE ${quoteIdentifier(owner)} FROM ${quoteIdentifier(applier.name)}`).catch(() => {})
}

function refuse(
  model: AccessModel,
  { applier }: AccessState,
  plan: AccessPlan,
  given: string | undefined,
): void {
  const own = [...model.roles].find(([, name]) => name === applier.name)
  const oneself = `"${applier.name}", which is to be ${own?.[0]}, is the role that applies: apply as an administrator, or name another role`
  const reasons = own ? [...plan.blockedBy, oneself] : plan.blockedBy
  if (reasons.length > 0) throw accessBlocked(reasons)
  if (given !== undefined && given !== plan.hash) throw accessPlanChanged(given)
  const needing = changesOf(plan).filter(({ effect, isFelt }) => effect === 'widens' || isFelt)
  if (given === undefined && needing.length > 0) {
    const examples = needing.slice(0, EXAMPLES).map(({ words }) => words)
    throw accessWidens(needing.length, examples, plan.hash)
  }
}

async function applyGroup(
  client: pg.Client,
  group: ChangeGroup,
  { owner }: AccessModel,
  done: number,
  state: AccessState,
  { lockTimeoutMs = 2_000, lockRetries = 30 }: ApplyAccessOptions,
): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    let statement = 'BEGIN'
    try {
      await client.query(statement)
      await client.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`)
      for (const change of group.changes) {
        statement = change.statement
        await client.query(statement)
      }
      await requireSame(client, group, owner)
      statement = 'COMMIT'
      await client.query(statement)
      return
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {}) // on a lost connection the server has rolled back
      if (isHoldfastError(error)) throw error
      const sqlstate = sqlstateOf(error)
      if (sqlstate === SQLSTATE.insufficientPrivilege)
        throw accessNotAllowed(state.applier.name, statement, done, error)
      // Roles are of the whole server: for another database somebody made the same one.
      if (sqlstate === SQLSTATE.duplicateObject || sqlstate === SQLSTATE.uniqueViolation)
        throw accessBusy(error)
      if (!isPassing(sqlstate)) throw accessFailed(statement, done, error)
      if (attempt >= lockRetries) throw accessLocked(group.object, attempt + 1, done, error)
      await wait(systemClock, RETRY_PAUSE_MS * (0.5 + Math.random()))
    }
  }
}

/**
 * What was handed over is the same thing that was looked at, and no more than it was: while a lock was waited for its owner may have put
 * another one in its place, or made it run with its owner's rights, which are the new owner's now.
 * @throws HF_ACCESS_CHANGED
 */
async function requireSame(client: pg.Client, { changes }: ChangeGroup, owner: string): Promise<void> {
  const handed = changes.flatMap(({ handsOver }) => (handsOver ? [handsOver] : []))
  if (handed.length === 0) return
  const { rows } = await client.query<{ sql: string }>(CHANGED_QUERY, [
    handed.map(({ oid }) => oid),
    handed.map(({ facts }) => facts),
    handed.map(({ sql }) => sql),
    owner,
  ])
  if (rows.length > 0) throw accessChanged(rows.map(({ sql }) => sql))
}

const isPassing = (sqlstate: string | undefined): boolean =>
  sqlstate === SQLSTATE.lockNotAvailable ||
  sqlstate === SQLSTATE.deadlockDetected ||
  sqlstate === CONCURRENTLY_UPDATED

async function record(
  { ownSchema, roles }: AccessModel,
  plan: AccessPlan,
  { objects, database }: AccessState,
  groupsDone: number,
  recorder: Recorder | undefined,
): Promise<void> {
  const hasPlace = objects.some(({ schema, name }) => schema === ownSchema && name === 'operations')
  if (!hasPlace || groupsDone === 0) return
  const changes = changesOf(plan)
  await recorder?.record({
    action: 'access.apply',
    subject: database,
    details: {
      plan: plan.hash,
      roles: Object.fromEntries(roles),
      widened: changes.filter(({ effect }) => effect === 'widens').length,
      narrowed: changes.filter(({ effect }) => effect === 'narrows').length,
      ...(groupsDone < plan.groups.length && { stopped_behind: groupsDone, of: plan.groups.length }),
    },
  })
}
