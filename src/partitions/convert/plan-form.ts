import { parseEvery } from '../period.ts'
import { shortened } from '../name.ts'
import { faultOfKept } from '../policy.ts'
import type { StepName } from './plan.ts'

const ORDER: Readonly<Record<'attach' | 'split', readonly StepName[]>> = {
  attach: ['index', 'parent', 'check', 'validate', 'swap', 'verify'],
  split: ['shadow', 'mirror', 'copy', 'compare', 'exchange', 'tidy'],
}
const MOST_NAME_BYTES = 63

type Fields = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isName = (value: unknown): value is string =>
  typeof value === 'string' &&
  value !== '' &&
  !value.includes('\0') &&
  Buffer.byteLength(value) <= MOST_NAME_BYTES
const isText = (value: unknown): value is string => typeof value === 'string' && !value.includes('\0')
const isAmount = (value: unknown): boolean => typeof value === 'number' && value >= 0
const all =
  (is: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(is)

const isPartition = (value: unknown): boolean =>
  isObject(value) && isName(value.name) && (value.from === null || isText(value.from)) && isText(value.to)
const isRename = (value: unknown): boolean =>
  isObject(value) &&
  isName(value.name) &&
  value.legacy === shortened(value.name, 'legacy') &&
  value.apart === shortened(value.name, 'apart')
const isStep = (value: unknown): boolean =>
  isObject(value) && isText(value.name) && isText(value.words) && (value.lock === null || isText(value.lock))
const isFinding = (value: unknown): boolean => isObject(value) && isText(value.id) && isText(value.level)

const FORM: Readonly<Record<string, (value: unknown) => boolean>> = {
  table: isText,
  schema: isName,
  name: isName,
  owner: isName,
  column: isName,
  columnType: isText,
  every: (value) => isText(value) && parseEvery(value) !== undefined,
  cutoff: isText,
  legacy: isName,
  apart: isName,
  partitions: all(isPartition),
  primaryKey: (value) =>
    value === null || (isObject(value) && isName(value.index) && all(isName)(value.columns)),
  renames: all(isRename),
  policy: (value) => isObject(value) && faultOfKept(value) === undefined,
  graceMs: isAmount,
  thenSplit: (value) => typeof value === 'boolean',
  rows: isAmount,
  bytes: isAmount,
  shape: isText,
  hash: isText,
  findings: all(isFinding),
  accepted: all(isText),
  steps: all(isStep),
}

/**
 * Why a row holds no plan that a conversion has written; undefined where it does. Names that follow from the table's are those that
 * follow from it: a plan may not have tables dropped or renamed that are others. Pure.
 */
export function faultOfPlan(table: string, kind: unknown, plan: unknown): string | undefined {
  if (kind !== 'attach' && kind !== 'split') return 'its kind is none'
  if (!isObject(plan)) return 'its plan is none'
  const wrong = Object.entries(FORM).find(([field, is]) => !is(plan[field]))
  if (wrong) return `its plan says nothing sound of ${wrong[0]}`
  if (plan.kind !== kind || plan.table !== table) return 'its plan is of another table or kind'
  const name = plan.name as string
  if (plan.apart !== shortened(name, kind === 'attach' ? 'apart' : 'split'))
    return 'the table that stands apart has another name'
  if (kind === 'attach' && plan.legacy !== shortened(name, 'legacy')) return 'the old table has another name'
  if (plan.legacy === name || plan.legacy === plan.apart) return 'the old table has the name of another'
  const order = ORDER[kind]
  const turns = (plan.steps as Fields[]).map((step) => order.indexOf(step.name as StepName))
  return turns.some((turn, at) => turn < 0 || turn <= (turns[at - 1] ?? -1))
    ? 'its steps are others'
    : undefined
}
