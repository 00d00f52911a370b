import type { LiveResource } from '../../api/resource.ts'
import { Empty } from '../../parts/states.tsx'
import { Facts } from '../../parts/panel.tsx'
import type { Column } from '../../parts/table/column.ts'
import { duration, inWords } from '../../words/figures.ts'
import { ListCard, rowAt } from '../list-card.tsx'
import { figureOf, type Rule, type Rules } from './data.ts'
import { RULE_DEFINITIONS } from './definitions.ts'
import { SilenceForm } from './silences.tsx'

const LINES = 14
const PREFIX = 'rule:'
const keyOf = ({ name }: Rule): string => name
const lengthOf = (ms: number | undefined): string =>
  ms === undefined || ms === 0 ? 'at once' : inWords(duration(ms))

function conditionOf({ metric, above, below, growsBy, absent }: Rule): string {
  if (absent) return `not known for ${lengthOf(absent.afterMs)}`
  const { warning, error } = above ?? below ?? growsBy ?? {}
  const limits = [warning, error].flatMap((one) => (one === undefined ? [] : inWords(figureOf(metric, one))))
  const how = growsBy ? `grows within ${lengthOf(growsBy.withinMs)} by more than` : below ? 'below' : 'above'
  return `${how} ${limits.join(', ')}`
}

const COLUMNS: readonly Column<Rule>[] = [
  { id: 'name', title: 'Rule', kind: 'code', width: 170, value: ({ name }) => name },
  {
    id: 'when',
    title: 'When',
    kind: 'text',
    width: 330,
    value: (rule) => `${rule.metric} ${conditionOf(rule)}`,
  },
  { id: 'for', title: 'For', kind: 'text', width: 90, isMinor: true, value: ({ forMs }) => lengthOf(forMs) },
  {
    id: 'message',
    title: 'What it means',
    kind: 'text',
    isMinor: true,
    value: ({ message }) => message ?? '',
  },
]

/** From where on somebody is told. */
export const RuleList = ({ resource }: { readonly resource: LiveResource<Rules> }) => (
  <ListCard
    title="Rules"
    span={12}
    size="lines"
    definitions={RULE_DEFINITIONS}
    resource={resource}
    rowsOf={({ data }) => data}
    id="rules"
    columns={COLUMNS}
    keyOf={keyOf}
    hasTools
    lines={LINES}
    prefix={PREFIX}
    empty={<Empty title="No rule holds: all are switched off." />}
  />
)

/** The rule that the address names. */
export const ruleAt = (open: string, { data }: Rules): Rule | undefined => rowAt(open, PREFIX, data, keyOf)

/** One rule. */
export const RuleDetail = ({ rule, changed }: { readonly rule: Rule; readonly changed: () => void }) => (
  <>
    {rule.message !== undefined && <p>{rule.message}</p>}
    <Facts
      facts={[
        ['Metric', <code key="metric">{rule.metric}</code>],
        ['When', conditionOf(rule)],
        ['For how long', lengthOf(rule.forMs)],
        ['Over when it is so for', lengthOf(rule.clearMs ?? 60_000)],
        ['Next step', rule.action ?? 'holdfast doctor'],
      ]}
    />
    <SilenceForm rule={rule.name} changed={changed} />
  </>
)
