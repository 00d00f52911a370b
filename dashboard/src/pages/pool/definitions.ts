import type { Definition } from '../../parts/meaning.tsx'

export const POOL_PAGE_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'In use, opening, idle',
    means:
      'Connections that somebody holds or that carry statements, that are being opened or checked, that wait to be used. The mark stands where what is kept ends and overflow begins.',
    source: 'pool.stats()',
    window: 'Now, two seconds old at most.',
  },
  {
    figure: 'Mean wait, mean hold',
    means: 'How long callers waited for a connection of their own, and held it.',
    source: 'pool.stats(): waitMsTotal / acquired, holdMsTotal / finished',
    window: 'Since this process started.',
  },
  {
    figure: 'Timed out, leaked, left open, recycled, failed',
    means:
      'Callers that gave up waiting; checkouts held for longer than leakThresholdMs with nothing running; connections that came back inside a transaction; connections replaced for their age; attempts to connect that failed.',
    source: 'pool.stats()',
    window: 'Since this process started.',
  },
]

export const LANE_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Lane',
    means:
      'A connection that carries statements of many callers, one behind the other without waiting for answers. The time is how long the server has been working at the first of them.',
    source: 'pool.activity().lanes',
    window: 'Now, two seconds old at most.',
  },
  {
    figure: 'Rides',
    means: 'Statements that shared a connection with others.',
    source: 'pool.stats(): rides',
    window: 'Since this process started.',
  },
  {
    figure: 'Servers, replicas',
    means:
      'Where connections may go, what each said it is, and what stands against it. A replica is read from while it is within maxLagBytes.',
    source: 'pool.servers(), pool.replicas()',
    window: 'As last seen: when a connection was opened; each second for replicas that are read from.',
  },
]

export const HOLDER_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'From',
    means:
      'The line of the application that asked for the connection. Recorded only where leakThresholdMs is set.',
    source: 'pool.activity().holders',
    window: 'Now, two seconds old at most; the twenty that hold for longest.',
  },
]

export const WAITER_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Waits',
    means: 'How long the caller has been waiting for a connection, or for room on a lane.',
    source: 'pool.activity().waiters',
    window: 'Now, two seconds old at most; the twenty that wait for longest.',
  },
]

export const LEAK_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Leak',
    means:
      'A checkout that was held for longer than leakThresholdMs with no statement running: usually a release that was forgotten. The last column says when it came back after all.',
    source: 'pool.activity().leaks',
    window: 'The latest fifty since this process started.',
  },
]

export const STATEMENT_TABLE_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Calls, errors, rows',
    means: 'As this process saw them; other processes have numbers of their own.',
    source: 'pool.statements(), pool.labels()',
    window: 'Since this process started; bounded, the least used statements leave.',
  },
  {
    figure: 'Mean, p99, total',
    means: 'From asking to the answer, the wait for a connection included. In buckets of 12.5%.',
    source: 'the same',
    window: 'The same.',
  },
  {
    figure: 'Server',
    means: 'What of it is the server’s work, without the way there and back: follows the newest calls.',
    source: 'the same',
    window: 'The newest calls.',
  },
]

export const ADVICE_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Size, overflow',
    means:
      'Enough kept connections for 95% of the busy time, overflow for the highest peak and a quarter more, both within what the server gives to all processes.',
    source: 'pool.advise()',
    window: 'Since this process started.',
  },
]
