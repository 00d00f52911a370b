/**
 * Definitions that change under prepared statements, for an hour: `npm run stress:definitions` writes bench/results/definitions.json.
 * HOLDFAST_MINUTES says for how long, HOLDFAST_TEST_SEED replays one.
 */
import { writeFileSync } from 'node:fs'
import { machine } from '../bench/measure.ts'
import { startTestServer } from '../src/testing/index.ts'
import { runDefinitions } from '../test/stress/definitions.ts'
import { randomFrom, SEED } from '../test/support/random.ts'

const minutes = Number(process.env.HOLDFAST_MINUTES ?? 60)
/** As it is unless somebody says otherwise. */
const AGE_MS = 2_000

const server = await startTestServer()
const outcome = await runDefinitions({
  url: server.url,
  forMs: minutes * 60_000,
  ageMs: AGE_MS,
  random: randomFrom(SEED),
})
await server.stop()
const { different, ...figures } = outcome
const result = {
  machine: machine(),
  server: 'PostgreSQL 18 on the same machine',
  minutes,
  seed: SEED,
  'age at which statements are prepared afresh, ms': AGE_MS,
  ...figures,
  'different later than that': different.length,
  examples: different.slice(0, 20),
}
writeFileSync(
  new URL('../bench/results/definitions.json', import.meta.url),
  `${JSON.stringify(result, null, 2)}\n`,
)
console.log(JSON.stringify(result, null, 2))
process.exitCode = different.length === 0 ? 0 : 1
