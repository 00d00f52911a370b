import type { Check } from '../finding.ts'

/** Connections that were taken and not given back in time. */
export const poolLeaks: Check = {
  id: 'pool-leaks',
  category: 'availability',
  good: 'every connection comes back to the pool',
  why: 'A connection that does not come back is missing for everybody else, until none is left.',
  run: async ({ pool }) => {
    if (!pool) return null // nobody's pool runs here: a command looks from outside
    if (pool.leaks === 0) return []
    return [
      {
        severity: 'warning',
        subject: 'pool',
        message: `The pool loses connections: ${pool.leaks} were held longer than leakThresholdMs.`,
        evidence: { leaks: pool.leaks },
        action:
          'See which place in the code took them: holdfast pool status, or the page Pool of the console.',
        sql: null,
      },
    ]
  },
}
