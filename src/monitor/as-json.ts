import { hideLiterals } from '../core/index.ts'
import type { SessionPicture } from './activity/sessions.ts'
import type { Explanation } from './explain/explain.ts'
import type { PlanNode } from './explain/plan.ts'
import type { StatementTotals } from './statements/reading.ts'
import type { StatementStory } from './statements/story.ts'

/** As nearly every server is built with. */
const BLOCK_BYTES = 8_192

/** A session as the command line and the API print it. */
export const sessionAsJson = (session: SessionPicture) => ({
  pid: session.pid,
  started_at: session.startedAt?.toISOString() ?? null,
  user: session.user,
  application: session.application,
  address: session.address,
  state: session.state,
  waits_for: session.waitsFor,
  state_seconds: session.stateSeconds,
  transaction_seconds: session.transactionSeconds,
  statement: session.statement,
})

/** What a statement did, as both print it. @param allMs time in all statements */
export const totalsAsJson = (totals: StatementTotals, allMs: number) => ({
  calls: totals.calls,
  mean_ms: rounded(totals.totalMs / Math.max(1, totals.calls)),
  total_ms: rounded(totals.totalMs),
  share_percent: allMs > 0 ? rounded((100 * totals.totalMs) / allMs) : 0,
  rows_per_call: rounded(totals.rows / Math.max(1, totals.calls)),
  cache_hit_percent: hitPercent(totals),
  read_bytes: totals.blocksRead * BLOCK_BYTES,
  temp_bytes: totals.tempBlocks * BLOCK_BYTES,
  wal_bytes: totals.walBytes,
  io_ms: rounded(totals.ioMs),
})

const hitPercent = ({ blocksHit, blocksRead }: StatementTotals): number | null =>
  blocksHit + blocksRead === 0 ? null : rounded((100 * blocksHit) / (blocksHit + blocksRead))

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000

/** A statement over time, as both print it. */
export const storyAsJson = ({ id, fingerprint, text, totals, history }: StatementStory) => ({
  id,
  fingerprint,
  query: text,
  calls: totals?.calls ?? null,
  total_ms: totals?.totalMs ?? null,
  mean_ms: totals && totals.totalMs / Math.max(1, totals.calls),
  rows: totals?.rows ?? null,
  history: history && {
    from: new Date(history.fromMs).toISOString(),
    step_seconds: history.stepMs / 1_000,
    calls: [...history.calls],
    total_ms: [...history.totalMs],
  },
})

/** A plan as both print it: from top to bottom, and without the values that stand in its conditions. */
export const explanationAsJson = (explained: Explanation) => ({
  query: explained.text,
  kind: explained.kind,
  is_measured: explained.isMeasured,
  planning_ms: explained.planningMs,
  execution_ms: explained.executionMs,
  remarks: explained.remarks.map(hideLiterals),
  plan: nodesOf(explained.plan, 0),
})

const nodesOf = (node: PlanNode, depth: number): ReturnType<typeof nodeAsJson>[] => [
  nodeAsJson(node, depth),
  ...node.children.flatMap((child) => nodesOf(child, depth + 1)),
]

const nodeAsJson = (node: PlanNode, depth: number) => ({
  depth,
  type: node.type,
  on: node.on,
  condition: node.condition === null ? null : hideLiterals(node.condition),
  cost: node.cost,
  estimated_rows: node.estimatedRows,
  actual_rows: node.actualRows,
  loops: node.loops,
  self_ms: node.selfMs,
  share_percent: node.share,
  misestimate: node.misestimate,
  spilled_bytes: node.spilledBytes,
  removed_rows: node.removedRows,
})
