import type { Policies } from '../policy.ts'
import type { Subject, Tender } from '../tender.ts'
import type { ConversionPlan, StepName } from './plan.ts'
import type { Conversion, Conversions } from './records.ts'

/** What a conversion tells on its way. */
export interface ConversionProgress {
  readonly table: string
  readonly step: StepName | 'undo' | 'abort'
  /** `waiting`: the table was not free, it is tried again in a second. */
  readonly state: 'begun' | 'going' | 'waiting' | 'done'
  readonly words: string
  /** Where rows are counted: how many, of about how many, and how many in a second. */
  readonly rows?: number
  readonly of?: number
  readonly perSecond?: number
  /** Estimated. */
  readonly remainingMs?: number
}

/** What the steps of a conversion work with. */
export interface Work {
  readonly tender: Tender
  /** Major version of the server. */
  readonly version: number
  readonly url: string
  readonly conversions: Conversions
  readonly policies: Policies
  readonly conversion: Conversion
  readonly plan: ConversionPlan
  readonly tell: (progress: Omit<ConversionProgress, 'table'>) => void
}

/** How a step is done; doing it again does no harm. */
export type Step = (work: Work) => Promise<void>

/** The consent to have it done with the session's own rights, as `accept` names it. */
export const AS_OURSELVES = 'forced-row-security'

/** The table, and who may change it. */
export const subjectOf = ({ table, owner, schema, accepted }: ConversionPlan): Subject => ({
  sql: table,
  owner,
  schema,
  asOurselves: accepted.includes(AS_OURSELVES),
})
