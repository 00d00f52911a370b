import type { Definition } from '../../parts/meaning.tsx'

export const LOCK_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Who waits for whom',
    means:
      'At the top of each tree stands a session that waits for nobody; below it those who wait for a lock that it holds, and those who wait for them. Whoever waits for several stands below the first of them.',
    source: 'pg_locks, pg_blocking_pids(), pg_stat_activity',
    window: 'Now, two seconds old at most.',
  },
  {
    figure: 'Waits',
    means: 'How long it has waited for its lock.',
    source: 'pg_locks.waitstart',
    window: 'Up to now.',
  },
]

export const SESSION_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'State',
    means:
      '“idle in transaction” waits for its client while its transaction keeps locks, and keeps VACUUM from cleaning up. “hidden”: this role may not see it.',
    source: 'pg_stat_activity.state',
    window: 'Now, five seconds old at most.',
  },
  {
    figure: 'Transaction',
    means: 'How long ago its transaction began. A dash: it is in none.',
    source: 'pg_stat_activity.xact_start',
    window: 'Up to now.',
  },
  {
    figure: 'Who',
    means:
      'The label that the code gave its work, where a pool of this process runs it; else the name of the application.',
    source: 'The pools of this process; pg_stat_activity.application_name',
    window: 'Now.',
  },
]
