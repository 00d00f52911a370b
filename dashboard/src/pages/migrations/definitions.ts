import type { Definition } from '../../parts/meaning.tsx'

export const PENDING_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Lock, blocks',
    means:
      'The strongest lock that the statement takes, and what waits behind it: writes, or everything. A statement that does not get its lock in time gives way and tries again.',
    source: 'PostgreSQL’s grammar and this database’s catalog',
    window: 'Inferred now; “holdfast migrate lint --measure” runs it on a scratch database.',
  },
  {
    figure: 'Reads, rewrites',
    means: 'It reads every row of the table, or writes every row anew, while it holds its lock.',
    source: 'As above',
    window: 'Now, 15 seconds old at most.',
  },
  {
    figure: 'Findings',
    means: 'What the linter says of it. Each has the safe way for this very statement.',
    source: 'docs/guides/lint.md',
    window: 'Now, 15 seconds old at most.',
  },
]

export const MIGRATION_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'State',
    means:
      'Applied; pending; interrupted: some of its statements are applied; changed: its up.sql is not what ran; missing: it ran and its folder is gone.',
    source: 'migration_history and the folder of migrations',
    window: 'Now, five seconds old at most.',
  },
  {
    figure: 'How',
    means:
      'Run: its statements were run. Stamp, baseline, squash, repair, import: it was only written down, for the reason in its detail.',
    source: 'migration_history.method',
    window: 'The attempt that is in force.',
  },
  {
    figure: 'Took',
    means: 'From the begin of its first try to the end of its last.',
    source: 'migration_history.duration_ms',
    window: 'The attempt that is in force.',
  },
]

export const BACKFILL_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Done',
    means: 'Rows that were gone through, of the rows that the table had when it began, as estimated then.',
    source: 'backfills.rows_done / rows_estimated',
    window: 'Written with every batch.',
  },
  {
    figure: 'Left',
    means: 'At the pace since it began, waiting included.',
    source: 'backfills',
    window: 'Since it began.',
  },
]

export const DRIFT_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Differences',
    means:
      'The structure here beside the one that the migrations which ran here build on a scratch database: what was changed by hand, or is missing.',
    source: 'pg_catalog, as “holdfast schema drift”',
    window: 'When it was compared last.',
  },
]
