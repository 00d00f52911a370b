/** One node of EXPLAIN (FORMAT JSON), as far as it is read. */
export interface RawNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly Schema?: string
  readonly Alias?: string
  readonly 'Index Name'?: string
  readonly 'Join Type'?: string
  readonly 'Parent Relationship'?: string
  readonly 'Subplan Name'?: string
  readonly 'CTE Name'?: string
  readonly 'Inner Unique'?: boolean
  readonly Output?: readonly string[]
  readonly 'Startup Cost'?: number
  readonly 'Total Cost'?: number
  readonly 'Plan Rows'?: number
  readonly 'Actual Total Time'?: number
  readonly 'Actual Rows'?: number
  readonly 'Actual Loops'?: number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Index Recheck'?: number
  readonly Filter?: string
  readonly 'Index Cond'?: string
  readonly 'Hash Cond'?: string
  readonly 'Join Filter'?: string
  readonly 'Merge Cond'?: string
  readonly 'Sort Key'?: readonly string[]
  readonly 'Sort Method'?: string
  readonly 'Sort Space Used'?: number
  readonly 'Sort Space Type'?: string
  readonly 'Hash Batches'?: number
  readonly 'Original Hash Batches'?: number
  readonly 'Temp Written Blocks'?: number
  readonly 'Shared Hit Blocks'?: number
  readonly 'Shared Read Blocks'?: number
  readonly 'Workers Launched'?: number
  readonly Plans?: readonly RawNode[]
}

/** One step of a plan. What was not measured is null: the statement was not run. */
export interface PlanNode {
  /** `Index Scan`, `Hash Join`. */
  readonly type: string
  /** The table or index that it reads, with its alias; null where it reads none. */
  readonly on: string | null
  /** The condition that it looks up, joins or filters by; null where there is none. */
  readonly condition: string | null
  readonly cost: number
  /** Of each run of the node. */
  readonly estimatedRows: number
  readonly actualRows: number | null
  readonly loops: number | null
  /** In this node alone, of all its runs; where several processes run it, of their mean. */
  readonly selfMs: number | null
  /** Of the whole statement's time, or of its cost where it was not run. */
  readonly share: number
  /** How many times more, or fewer, rows came than were expected; null where that is no matter. */
  readonly misestimate: number | null
  /** What it wrote to disk for want of work_mem, in bytes; null where it did not. */
  readonly spilledBytes: number | null
  /** Rows that it read and threw away, of all its runs. */
  readonly removedRows: number | null
  /** Blocks that it and those below it found in memory, and read. */
  readonly blocks: { readonly hit: number; readonly read: number } | null
  readonly children: readonly PlanNode[]
}

/** Rows below which an estimate may be wrong as it likes. */
const FEWEST_ROWS = 100
const TIMES_WRONG = 10
const BLOCK_BYTES = 8_192

/** Reads a plan. Pure. */
export function readPlan(raw: RawNode): PlanNode {
  const measured = raw['Actual Total Time'] !== undefined
  const whole = measured ? timeOf(raw, 1) : costOf(raw)
  return nodeOf(raw, {
    measured,
    whole: Math.max(whole, Number.EPSILON),
    processes: 1,
    scale: 1,
    mayStop: false,
    // Their cost is added where they hang, and so it is taken away.
    workedOut: measured ? workedOutIn(raw) : new Map(),
  })
}

interface Reading {
  readonly measured: boolean
  /** Time or cost of the whole plan. */
  readonly whole: number
  /** How many run the node at once. */
  readonly processes: number
  /** How much of a node's estimated cost is spent: above it somebody may want only the first rows. */
  readonly scale: number
  /** Whether somebody above may have had enough before all rows came. */
  readonly mayStop: boolean
  readonly workedOut: ReadonlyMap<RawNode, readonly RawNode[]>
}

const everyNode = (raw: RawNode): RawNode[] => [raw, ...(raw.Plans ?? []).flatMap(everyNode)]

/**
 * Subplans that are worked out once, by the node in whose time that was done: of those that ask for one, the one that took longest.
 */
function workedOutIn(raw: RawNode): Map<RawNode, RawNode[]> {
  const nodes = everyNode(raw)
  const found = new Map<RawNode, RawNode[]>()
  for (const plan of nodes) {
    const name = plan['Subplan Name']
    if (plan['Parent Relationship'] !== 'InitPlan' || name === undefined) continue
    const [first] = nodes
      .filter((node) => node !== plan && asksFor(node, name))
      .toSorted((a, b) => timeOf(b, 1) - timeOf(a, 1))
    if (first) found.set(first, [...(found.get(first) ?? []), plan])
  }
  return found
}

/** `CTE x`; `InitPlan 1`, which conditions name so, and before PostgreSQL 17 `InitPlan 1 (returns $0)`, by its parameters. */
function asksFor(raw: RawNode, name: string): boolean {
  if (name.startsWith('CTE ')) return name === `CTE ${raw['CTE Name']}`
  const text = [conditionOf(raw) ?? '', ...(raw.Output ?? [])].join(' ')
  const parameters = /\(returns ([^)]*)\)/.exec(name)?.[1]?.split(',')
  return parameters
    ? parameters.some((one) => new RegExp(`\\${one}(?!\\d)`).test(text))
    : text.includes(`(${name})`)
}

/** Whoever reads all of its input before it gives a row. */
const READS_ALL = /^(Sort|Incremental Sort|Hash|Aggregate|WindowAgg|Materialize|SetOp|Memoize)$/

function nodeOf(raw: RawNode, reading: Reading): PlanNode {
  const { measured, whole, processes, scale, workedOut } = reading
  const below = raw['Workers Launched'] === undefined ? processes : raw['Workers Launched'] + 1
  const asked = workedOut.get(raw) ?? []
  const plans = raw.Plans ?? []
  const amount = (node: RawNode, at: number): number => (measured ? timeOf(node, at) : costOf(node) * scale)
  const own = amount(raw, processes)
  const inner = plans
    .filter((child) => !measured || child['Parent Relationship'] !== 'InitPlan')
    .reduce((sum, child) => sum + amount(child, below), 0)
  const inAsked = asked.reduce((sum, plan) => sum + amount(plan, 1), 0)
  const self = Math.max(0, own - inner - inAsked)
  // Of what only its first rows are wanted costs that much less.
  const spent = !measured && inner > own && inner > 0 ? (scale * own) / inner : scale
  const children = plans.map((child, place) =>
    nodeOf(child, {
      ...reading,
      processes: child['Parent Relationship'] === 'InitPlan' ? 1 : below,
      scale: child['Parent Relationship'] === 'InitPlan' ? scale : spent,
      mayStop: mayStopBelow(raw, place, reading.mayStop),
    }),
  )
  return {
    type:
      raw['Join Type'] && raw['Join Type'] !== 'Inner'
        ? `${raw['Node Type']} (${raw['Join Type']})`
        : raw['Node Type'],
    on: relationOf(raw),
    condition: conditionOf(raw),
    cost: costOf(raw),
    estimatedRows: raw['Plan Rows'] ?? 0,
    actualRows: measured ? (raw['Actual Rows'] ?? 0) : null,
    loops: measured ? (raw['Actual Loops'] ?? 0) : null,
    selfMs: measured ? round(self) : null,
    share: Math.min(100, round((100 * self) / whole)),
    misestimate: measured ? misestimateOf(raw, reading.mayStop) : null,
    spilledBytes: measured ? spilledBy(raw) : null,
    removedRows: measured ? removedBy(raw) : null,
    blocks:
      raw['Shared Hit Blocks'] === undefined
        ? null
        : { hit: raw['Shared Hit Blocks'], read: raw['Shared Read Blocks'] ?? 0 },
    children,
  }
}

/** A join that needs one partner, or one whose other side has ended, and whoever wants only the first rows. */
function mayStopBelow(raw: RawNode, place: number, mayStop: boolean): boolean {
  const type = raw['Node Type']
  if (type === 'Limit' || type === 'Merge Join') return true
  const isInner = type === 'Nested Loop' && place === 1
  if (isInner && (raw['Inner Unique'] === true || /^(Semi|Anti)$/.test(raw['Join Type'] ?? ''))) return true
  return mayStop && !READS_ALL.test(type)
}

const round = (value: number): number => Math.round(value * 100) / 100
const costOf = (raw: RawNode): number => raw['Total Cost'] ?? 0

/** PostgreSQL gives the mean of a run; several processes run theirs at once. */
const timeOf = (raw: RawNode, processes: number): number =>
  ((raw['Actual Total Time'] ?? 0) * (raw['Actual Loops'] ?? 0)) /
  Math.max(1, Math.min(processes, raw['Actual Loops'] ?? 1))

function relationOf(raw: RawNode): string | null {
  const {
    Alias: alias,
    Schema: schema,
    'Relation Name': relation,
    'Index Name': index,
    'Subplan Name': subplan,
  } = raw
  const table = relation && (schema ? `${schema}.${relation}` : relation)
  const named = table && alias && alias !== relation ? `${table} as ${alias}` : table
  return [named, index && `by ${index}`, subplan].filter(Boolean).join(' ') || null
}

function conditionOf(raw: RawNode): string | null {
  const parts = [raw['Index Cond'], raw['Hash Cond'], raw['Merge Cond'], raw['Join Filter'], raw.Filter]
  const sorted = raw['Sort Key'] && `by ${raw['Sort Key'].join(', ')}`
  return [...parts, sorted].filter(Boolean).join(' and ') || null
}

/** Of these the rows that they give are not counted. */
const UNCOUNTED = /^(BitmapAnd|BitmapOr|ModifyTable)$/

function misestimateOf(raw: RawNode, mayStop: boolean): number | null {
  const [expected, came] = [Math.max(1, raw['Plan Rows'] ?? 1), Math.max(1, raw['Actual Rows'] ?? 1)]
  const isTold =
    (raw['Actual Loops'] ?? 0) > 0 && !UNCOUNTED.test(raw['Node Type']) && !(mayStop && came < expected)
  const times = Math.max(came / expected, expected / came)
  return isTold && Math.max(expected, came) >= FEWEST_ROWS && times >= TIMES_WRONG ? round(times) : null
}

/** Temporary blocks are counted with those of the nodes below. */
function spilledBy(raw: RawNode): number | null {
  const below = (raw.Plans ?? []).reduce((sum, child) => sum + (child['Temp Written Blocks'] ?? 0), 0)
  if (raw['Temp Written Blocks'] === undefined)
    return raw['Sort Space Type'] === 'Disk' ? (raw['Sort Space Used'] ?? 0) * 1_024 : null
  const own = (raw['Temp Written Blocks'] - below) * BLOCK_BYTES
  return own > 0 ? own : null
}

function removedBy(raw: RawNode): number | null {
  const removed = (raw['Rows Removed by Filter'] ?? 0) + (raw['Rows Removed by Index Recheck'] ?? 0)
  return removed === 0 ? null : removed * (raw['Actual Loops'] ?? 1)
}

/** What of a plan is worth a word, the costliest first. */
export function remarksOn(plan: PlanNode): string[] {
  const remarks: { readonly weight: number; readonly words: string }[] = []
  const visit = (node: PlanNode): void => {
    const { type, on, share } = node
    const where = on === null ? type : `${type} on ${on}`
    const say = (words: string): void => void remarks.push({ weight: share, words: `${where}: ${words}` })
    if (node.misestimate !== null)
      say(
        `${Math.round(node.actualRows ?? 0)} rows came where ${Math.round(node.estimatedRows)} were expected, ${Math.round(node.misestimate)} times ${(node.actualRows ?? 0) > node.estimatedRows ? 'more' : 'fewer'}; ANALYZE the table, or CREATE STATISTICS on columns that depend on each other`,
      )
    if (node.spilledBytes !== null)
      say(`wrote ${Math.ceil(node.spilledBytes / 1_048_576)} MB to disk: work_mem is too small for it`)
    if (
      node.removedRows !== null &&
      node.removedRows >= 1_000 &&
      node.removedRows >= 10 * (node.actualRows ?? 0) * (node.loops ?? 1)
    )
      say(
        `read ${Math.round(node.removedRows)} rows and threw them away: an index on what it filters by would spare that`,
      )
    node.children.forEach(visit)
  }
  visit(plan)
  return remarks.toSorted((a, b) => b.weight - a.weight).map(({ words }) => words)
}
