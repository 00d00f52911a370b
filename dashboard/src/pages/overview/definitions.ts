import type { Definition } from '../../parts/meaning.tsx'

const BY_THE_SECOND =
  'Each point covers one step of the range: 1 s at 15 minutes, 5 s at an hour, 2 min at a day, 15 min at a week.'
const BY_FIVE_SECONDS =
  'Each point covers one step of the range: 5 s up to an hour, 2 min at a day, 15 min at a week.'

export const VERDICT_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Health score',
    means:
      '100, less 25 for each error and 8 for each warning. It says how much to do there is, not how bad each thing is: read the list.',
    source: 'the checks of holdfast doctor',
    window: 'Looked at within the last quarter of a minute.',
  },
]

export const POOL_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'In use, idle, opening',
    means:
      'Connections that somebody holds, that wait to be used, and that are being opened or checked. The mark stands where what is kept ends and overflow begins.',
    source: 'pool.stats(): checked_out, checked_in, connecting',
    window: 'Now.',
  },
  {
    figure: 'Waiting',
    means:
      'Callers that have asked for a connection and have none yet. More than none for long: the pool is too small, or somebody holds on too long.',
    source: 'pool.stats(): waiting',
    window: 'Now.',
  },
  {
    figure: 'Wait p99, hold p99',
    means:
      'What 99 of 100 callers waited for a connection, and held it, at most: the highest of the last 60 steps.',
    source: 'pool.timings, in buckets of 12.5%',
    window: 'The last minute, at the range of 15 minutes.',
  },
  {
    figure: 'Checkouts, timed out, left open, failed',
    means:
      'Connections given out; callers that gave up waiting; connections that came back inside a transaction; attempts to connect that failed.',
    source: 'pool.stats(): acquired, acquireTimeouts, dirtyReleases, connectFailures',
    window: 'Since this process started.',
  },
]

export const CONNECTION_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Connections',
    means:
      'Client connections to this database from everywhere, by what they do, drawn on top of each other; one of the active is the one that counts them. Idle in transaction: they hold locks and do nothing.',
    source: 'pg_stat_activity: state',
    window: BY_FIVE_SECONDS,
  },
]

export const THROUGHPUT_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Transactions',
    means:
      'Transactions that ended in this database, from everywhere, rolled back ones included. A statement outside a transaction is one.',
    source: 'pg_stat_database: xact_commit + xact_rollback',
    window: BY_FIVE_SECONDS,
  },
  {
    figure: 'Through this pool',
    means: 'Statements that this process sent through its pool; Holdfast’s own go beside it.',
    source: 'pool.timings.statements',
    window: 'The last second.',
  },
]

export const LATENCY_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'p50, p99',
    means:
      'What half, and 99 of 100, of the statements through this pool took at most: from the driver to the result, the way there and back included, waiting for a connection left out.',
    source: 'pool.timings.statements, in buckets of 12.5%',
    window: BY_THE_SECOND,
  },
]

export const CACHE_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Cache hit',
    means:
      'Blocks that PostgreSQL found in its own memory, of all that it needed. Excellent from 98%, good from 94%, fair from 90%, poor below. What the operating system had in memory counts as a miss.',
    source: 'pg_stat_database: blks_hit / (blks_hit + blks_read)',
    window: BY_FIVE_SECONDS,
  },
]

export const CAPACITY_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'In about so many days',
    means:
      'A line through the daily peaks that a third of outliers does not move. The range holds what such lines were wrong by, tried on what is known by now: eight of ten cases.',
    source: 'The history of monitoring',
    window: 'Sixty days back at most; the last days in shorter steps while there are fewer than four.',
  },
]
