import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { systemClock, within } from '../../src/core/index.ts'

const late = (): Error => new Error('late')

test('what takes too long is late', async () => {
  await expect(within(systemClock, 10, new Promise(() => {}), late)).rejects.toThrow('late')
  await expect(within(systemClock, 60_000, sleep(1, 'in time'), late)).resolves.toBe('in time')
})

test('time for which this process was busy does not count', async () => {
  const answer = within(systemClock, 50, sleep(60, 'it was there'), late)
  const until = performance.now() + 400
  while (performance.now() < until);
  expect(await answer).toBe('it was there')
  // It is only put off.
  await expect(within(systemClock, 50, new Promise(() => {}), late)).rejects.toThrow('late')
})
