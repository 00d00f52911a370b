import type { Check } from '../finding.ts'

/** Shares of size + overflow. */
const WARNING_PERCENT = 80
const ERROR_PERCENT = 90

/** The running pool must have room for more callers. */
export const poolUse: Check = {
  id: 'pool-use',
  category: 'availability',
  good: 'the pool has connections to spare',
  why: 'A pool that is used up makes every request wait, whatever it asks.',
  run: async ({ pool }) => {
    if (!pool) return null // nobody's pool runs here: a command looks from outside
    const limit = pool.size + pool.overflow
    const percent = Math.round((pool.busy / limit) * 100)
    if (percent < WARNING_PERCENT) return []
    const waiting = pool.waiting === 0 ? '' : `, and ${pool.waiting} callers wait`
    return [
      {
        severity: percent < ERROR_PERCENT ? 'warning' : 'error',
        subject: 'pool',
        message: `Callers ${pool.waiting === 0 ? 'will soon wait' : 'wait'}: ${pool.busy} of ${limit} connections are in use${waiting}.`,
        evidence: { in_use: pool.busy, size: pool.size, overflow: pool.overflow, waiting: pool.waiting },
        action:
          'Give connections back sooner (no other work between), or raise DB_POOL_SIZE and DB_MAX_OVERFLOW.',
        sql: null,
      },
    ]
  },
}
