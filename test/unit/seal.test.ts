/** Deliveries are sealed: equal content has an equal seal in whatever order PostgreSQL returns it, other content another one. */
import { expect, test } from 'vitest'
import { isSealed, sealOf } from '../../src/alerts/seal.ts'

const delivery = {
  id: 'a',
  channel: 'webhook' as const,
  alert: null,
  topic: null,
  notification: { version: 1, id: 'a', title: 't', alert: { value: 1, rule: 'r' } } as never,
}

test('the order of members does not matter; a list in place of an object, another secret, channel or topic does', () => {
  const seal = sealOf(delivery, 'secret')
  const reordered = { alert: { rule: 'r', value: 1 }, title: 't', id: 'a', version: 1 } as never
  expect(isSealed({ ...delivery, notification: reordered, seal }, 'secret')).toBe(true)
  const pairs = Object.entries(reordered as object) as never
  for (const changed of [
    { ...delivery, notification: pairs },
    { ...delivery, channel: 'slack' as const },
    { ...delivery, topic: 'digest' },
    { ...delivery, alert: 'b' },
    { ...delivery, id: 'b' },
  ])
    expect(isSealed({ ...changed, seal }, 'secret')).toBe(false)
  expect(isSealed({ ...delivery, seal }, 'another')).toBe(false)
  expect(isSealed({ ...delivery, seal: null }, 'secret')).toBe(false)
})
