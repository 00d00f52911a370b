import { formatDuration } from '../../core/index.ts'
import type { MigrateProgress } from './progress.ts'

/** A backfill tells of every batch: too many lines. */
const BACKFILL_LINE_MS = 2_000
/** Of a long statement twice a second would be too many, too. */
const RUNNING_LINE_MS = 5_000
const TELLING_MS = 500

/**
 * What a run tells, as lines for people; undefined for what is not worth one.
 * @returns a function for one run, which remembers when it spoke last
 */
export function progressInWords(): (progress: MigrateProgress) => string | undefined {
  let lastSaidMs = -BACKFILL_LINE_MS
  return (progress) => {
    if (progress.kind !== 'backfill') return lineOf(progress)
    if (performance.now() - lastSaidMs < BACKFILL_LINE_MS) return undefined
    lastSaidMs = performance.now()
    const { rowsDone, rowsEstimated, rowsPerSecond } = progress
    const left = formatDuration(((rowsEstimated - rowsDone) / Math.max(1, rowsPerSecond)) * 1_000)
    return `      ${rowsDone} of about ${rowsEstimated} rows, ${Math.round(rowsPerSecond)}/s, ${left} left`
  }
}

function lineOf(progress: Exclude<MigrateProgress, { kind: 'backfill' }>): string | undefined {
  switch (progress.kind) {
    case 'started':
      return `[${progress.index + 1}/${progress.count}] ${progress.direction === 'down' ? 'back: ' : ''}${progress.id}`
    case 'applied':
      return `      ${progress.direction === 'down' ? 'taken back' : 'applied'} in ${formatDuration(progress.durationMs)}`
    case 'running':
      return runningLine(progress)
    case 'retrying':
      return `      line ${progress.line}: the lock is not free${progress.blockedBy === '' ? '' : ` (${progress.blockedBy})`}, attempt ${progress.attempt} follows`
    case 'recovered':
      return `      line ${progress.line}: an earlier run began it; it ${progress.outcome === 'done' ? 'took effect' : 'is run again'}`
    case 'held back':
      return `      waits: ${progress.reason}`
    case 'said':
      return `      ${progress.id}: ${progress.text}`
    default:
      return undefined
  }
}

function runningLine(progress: Extract<MigrateProgress, { kind: 'running' }>): string | undefined {
  const { line, elapsedMs, percent, phase, blockedBy } = progress
  const count = (ms: number): number => Math.floor(ms / RUNNING_LINE_MS)
  if (count(elapsedMs) === count(elapsedMs - TELLING_MS)) return undefined
  const share = percent === null ? '' : `, ${percent.toFixed(0)} %`
  const what = phase === null ? '' : `, ${phase}${share}`
  return `      line ${line}: ${formatDuration(elapsedMs)}${what}${blockedBy === '' ? '' : `, waits for ${blockedBy}`}`
}
