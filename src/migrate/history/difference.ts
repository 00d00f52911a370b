import type { Statement } from '../format/statements.ts'
import type { HistoryEntry } from './history.ts'

/** What changed in a file since it ran, in words, as far as the history can tell. */
export function describeDifference(
  entry: HistoryEntry,
  now: readonly Pick<Statement, 'line' | 'hash'>[],
): string {
  const then = entry.statements
  const commit = entry.gitCommit === null ? '' : `; compare with: git show ${entry.gitCommit.slice(0, 12)}`
  if (entry.method !== 'run' || then.some(({ hash }) => hash === undefined))
    return `its content is another${commit}`
  const hashesNow = new Set(now.map(({ hash }) => hash))
  const hashesThen = new Set(then.map(({ hash }) => hash))
  const gone = then.filter(({ hash }) => !hashesNow.has(hash as string))
  const added = now.filter(({ hash }) => !hashesThen.has(hash))
  const parts = [
    ...lines(gone, (at) => `what stood on ${at} is gone or another`),
    ...lines(added, (at) => `${at} did not run`),
  ]
  if (parts.length > 0) return `${parts.join(', ')}${commit}`
  const isSameOrder = then.length === now.length && then.every(({ hash }, index) => hash === now[index]?.hash)
  return `${isSameOrder ? 'only comments, directives, or its other files changed' : 'the same statements in another order or number'}${commit}`
}

function lines(list: readonly { line: number }[], words: (at: string) => string): string[] {
  if (list.length === 0) return []
  const shown = list.slice(0, 4).map(({ line }) => line)
  const more = list.length > shown.length ? ` and ${list.length - shown.length} more` : ''
  return [words(`line${list.length === 1 ? '' : 's'} ${shown.join(', ')}${more}`)]
}
