import { HoldfastError } from '../../core/index.ts'
import type { Use } from './uses.ts'

const SHOWN = 3
const SHOWN_LENGTH = 120
const OVERRIDE = 'If you know better: -- holdfast: allow=contract-early reason="..."'

export function backfillUnfinished(id: string, waiting: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_CONTRACT_EARLY',
    message: `${id} takes away what ${waiting.join(', ')} has not filled in yet. Finish it first: holdfast backfill run. Nothing of it was run.`,
    details: { id, waiting },
  })
}

export function expandTooYoung(id: string, expand: string, ranAt: Date, until: Date): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_CONTRACT_EARLY',
    message:
      `${id} takes away what services may still use: its expand ${expand} ran only ${ranAt.toISOString()}. It may run from ` +
      `${until.toISOString()} on (migrate.contractGraceMs). ${OVERRIDE}. Nothing of it was run.`,
    retryable: true,
    details: { id, expand, until: until.toISOString() },
  })
}

export function statisticsTooYoung(id: string, since: Date, until: Date): HoldfastError {
  return new HoldfastError({
    code: 'HF_MIGRATE_CONTRACT_EARLY',
    message:
      `${id} takes away what services may still use, and the statement statistics count only since ${since.toISOString()}. ` +
      `They can tell from ${until.toISOString()} on. ${OVERRIDE}. Nothing of it was run.`,
    retryable: true,
    details: { id, since: since.toISOString(), until: until.toISOString() },
  })
}

export function statisticsHidden(id: string, hidden: number, role: string): HoldfastError {
  const grant = `GRANT pg_read_all_stats TO ${role};`
  return new HoldfastError({
    code: 'HF_MIGRATE_CONTRACT_EARLY',
    message:
      `${id} takes away what services may still use, and the texts of ${hidden} statement(s) of other roles are hidden from ` +
      `this one. Have it granted: ${grant} ${OVERRIDE}. Nothing of it was run.`,
    details: { id, hidden, grant },
  })
}

export function statisticsOutdated(id: string): HoldfastError {
  const statement = 'ALTER EXTENSION pg_stat_statements UPDATE;'
  return new HoldfastError({
    code: 'HF_MIGRATE_CONTRACT_EARLY',
    message:
      `${id} takes away what services may still use, and this version of pg_stat_statements does not say since when it counts. ` +
      `Have it updated: ${statement} ${OVERRIDE}. Nothing of it was run.`,
    details: { id, statement },
  })
}

export function stillInUse(id: string, uses: readonly Use[], until: Date): HoldfastError {
  const shown = uses.slice(0, SHOWN).map(({ what, calls, text }) => {
    const line = text.replaceAll(/\s+/g, ' ').trim()
    return `${what} by "${line.slice(0, SHOWN_LENGTH)}${line.length > SHOWN_LENGTH ? '...' : ''}" (${calls} calls)`
  })
  return new HoldfastError({
    code: 'HF_MIGRATE_CONTRACT_IN_USE',
    message:
      `${id} takes away what the statement statistics show in use: ${shown.join('; ')}${uses.length > SHOWN ? `; and ${uses.length - SHOWN} more` : ''}. ` +
      `Deploy what does not use it; when none of these has run again, it may run from ${until.toISOString()} on. ${OVERRIDE}. Nothing of it was run.`,
    retryable: true,
    details: {
      id,
      until: until.toISOString(),
      uses: uses
        .slice(0, 100)
        .map(({ queryId, what, calls, text }) => ({ queryId, what, calls, text: text.slice(0, 1_000) })),
    },
  })
}
