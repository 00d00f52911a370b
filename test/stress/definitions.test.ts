/** Definitions that change under prepared statements. Replay with HOLDFAST_TEST_SEED. */
import { expect, test } from 'vitest'
import { useDatabase } from '../support/database.ts'
import { randomFrom, SEED } from '../support/random.ts'
import { runDefinitions } from './definitions.ts'

const database = useDatabase('empty')
const FOR_MS = 20_000

test(
  'no answer differs from an unnamed statement’s once it is as old as it may be',
  { timeout: 240_000 },
  async () => {
    const outcome = await runDefinitions({
      url: database.url,
      forMs: FOR_MS,
      ageMs: 300,
      random: randomFrom(SEED),
    })
    expect(outcome.different.slice(0, 5), `seed ${SEED}`).toEqual([])
    expect(outcome.compared).toBeGreaterThan(200)
    expect(outcome.changes).toBeGreaterThan(5)
    expect(outcome.refused).toBeLessThanOrEqual(outcome.changes)
    // Those of the window are why there is one; the test would show nothing if there were none of either.
    expect(outcome.within).toBeGreaterThan(0)
    expect(outcome.compared).toBeGreaterThan(outcome.within)
  },
)
